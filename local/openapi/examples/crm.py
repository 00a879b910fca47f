"""Examples of document 3: customers, files, imports and exports, orders."""

from typing import Any

_NEW_CUSTOMER = {
    "name": "示例科技有限公司",
    "industry": "互联网",
    "contact": {"name": "张经理", "phone": "13800138000"},
}
_BUCKET = "https://hub-prod-filesbucket.s3.us-east-1.amazonaws.com"
_FILE = {
    "id": "file_001",
    "name": "客户.csv",
    "size": 1048576,
    "contentType": "text/csv",
    "status": "uploaded",
    "createdAt": "2024-01-15T10:30:00Z",
    "expiresAt": "2024-02-14T10:30:00Z",
}
_EXPORT = {
    "id": "export_001",
    "query": "status=active&sort=name&order=asc",
    "fields": ["name", "contact.phone", "customFields"],
    "status": "completed",
    "progress": 100,
    "rows": 4000,
    "size": 262144,
    "failure": None,
    "createdAt": "2024-01-15T10:30:00Z",
    "endedAt": "2024-01-15T10:31:00Z",
    "expiresAt": "2024-02-14T10:30:00Z",
}
_NEW_ORDER = {
    "customerId": "cust_001",
    "items": [{"name": "企业版年费", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499900}],
    "amount": 999800,
    "currency": "CNY",
    "note": "加急",
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewCustomer": _NEW_CUSTOMER,
    "CustomerChange": {"status": "inactive", "tags": ["vip"], "customFields": {"等级": "A"}},
    "Customer": _NEW_CUSTOMER
    | {
        "id": "cust_001",
        "contact": {"name": "张经理", "phone": "13800138000", "email": None},
        "status": "active",
        "amount": 10000,
        "tags": ["vip"],
        "customFields": {"等级": "A"},
        "createdAt": "2024-01-15T10:30:00Z",
        "updatedAt": "2024-01-15T10:30:00Z",
        "version": 1,
    },
    "NewCustomers": {"customers": [_NEW_CUSTOMER, {"name": "客户B", "contact": {"name": "李经理", "phone": ""}}]},
    "CustomerBatch": {
        "items": [
            {"index": 0, "status": 201, "id": "cust_001"},
            {
                "index": 1,
                "status": 400,
                "code": 40001,
                "message": "参数验证失败",
                "errors": [{"field": "contact.phone", "message": "手机号不能为空"}],
            },
        ],
        "succeeded": 1,
        "failed": 1,
    },
    "NewFile": {"name": "客户.csv", "size": 1048576, "contentType": "text/csv"},
    "NewFileWithUpload": _FILE
    | {
        "status": "pending",
        "upload": {
            "url": f"{_BUCKET}/files/default/file_001?X-Amz-Signature=…",
            "method": "PUT",
            "headers": {"Content-Length": "1048576", "Content-Type": "text/csv"},
            "expiresAt": "2024-01-15T10:45:00Z",
        },
    },
    "FileWithDownload": _FILE | {"downloadUrl": f"{_BUCKET}/files/default/file_001?X-Amz-Signature=…"},
    "NewImport": {"fileId": "file_001", "encoding": "utf-8"},
    "Import": {
        "id": "import_001",
        "fileId": "file_001",
        "fileName": "客户.csv",
        "encoding": "utf-8",
        "status": "running",
        "progress": 40,
        "rowsRead": 4000,
        "rowsCreated": 3990,
        "rowsFailed": 10,
        "failure": None,
        "createdAt": "2024-01-15T10:30:00Z",
        "endedAt": None,
    },
    "BadRow": {
        "row": 17,
        "code": 40001,
        "message": "参数验证失败",
        "errors": [{"field": "contact.phone", "message": "手机号格式不正确"}],
    },
    "NewExport": {"query": "status=active&sort=name&order=asc", "fields": ["name", "contact.phone", "customFields"]},
    "ExportWithDownload": _EXPORT | {"downloadUrl": f"{_BUCKET}/exports/default/export_001?X-Amz-Signature=…"},
    "NewOrder": _NEW_ORDER,
    "OrderChange": {"note": "已联系客户", "metadata": {"来源": "官网"}},
    "Payment": {"method": "alipay", "reference": "2024011522001"},
    "Cancellation": {"reason": "客户改变主意"},
    "NewRefund": {"amount": 100, "reason": "少发一件"},
    "Order": _NEW_ORDER
    | {
        "id": "order_001",
        "customerName": "示例科技有限公司",
        "metadata": {},
        "status": "partially_refunded",
        "paymentMethod": "alipay",
        "paymentReference": "2024011522001",
        "cancelReason": None,
        "refunds": [{"amount": 100, "reason": "少发一件", "createdAt": "2024-01-16T09:00:00Z"}],
        "refundedAmount": 100,
        "createdAt": "2024-01-15T10:30:00Z",
        "updatedAt": "2024-01-16T09:00:00Z",
        "paidAt": "2024-01-15T10:31:00Z",
        "cancelledAt": None,
        "refundedAt": "2024-01-16T09:00:00Z",
        "version": 3,
    },
}
