"""Examples of document 3, "IoT 设备控制"."""

from typing import Any

_NEW_DEVICE = {"name": "客厅灯", "type": "lamp", "tags": ["家"], "attributes": {"房间": "客厅"}}
_CERTIFICATE_ID = "8bc98c6f2b1d4a1d9b9f0c0a5d6f3e7b2c4d8e9f0a1b2c3d4e5f60718293a4b5"
_THING = "default:device_001"
_DEVICE = _NEW_DEVICE | {
    "id": "device_001",
    "status": "online",
    "certificates": [{"id": _CERTIFICATE_ID, "createdAt": "2024-01-15T10:30:00Z"}],
    "lastSeenAt": "2024-01-15T10:35:00Z",
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
    "version": 2,
}
_NEW_DEVICE_COMMAND = {"command": "turnOn", "params": {"brightness": 80}}
_DEVICE_CREDENTIALS = {
    "certificateId": _CERTIFICATE_ID,
    "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
    "privateKey": "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n",
    "endpoint": "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com",
    "clientId": _THING,
    "caUrl": "https://www.amazontrust.com/repository/AmazonRootCA1.pem",
    "topics": {
        "commands": f"hub-prod/{_THING}/commands",
        "acknowledgements": f"hub-prod/{_THING}/commands/ack",
        "alerts": f"hub-prod/{_THING}/alerts",
        "shadow": f"$aws/things/{_THING}/shadow",
    },
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewDevice": _NEW_DEVICE,
    "DeviceChange": {"name": "卧室灯", "tags": []},
    "Device": _DEVICE,
    "DeviceWithCredentials": _DEVICE
    | {"status": "offline", "lastSeenAt": None, "version": 1, "credentials": _DEVICE_CREDENTIALS},
    "DeviceCredentials": _DEVICE_CREDENTIALS,
    "DeviceShadowChange": {"desired": {"on": True, "brightness": 80}},
    "DeviceShadow": {
        "desired": {"on": True, "brightness": 80},
        "reported": {"on": True, "brightness": 10},
        "delta": {"brightness": 80},
        "desiredAt": "2024-01-15T10:35:00Z",
        "reportedAt": "2024-01-15T10:31:00Z",
        "version": 3,
    },
    "NewDeviceCommand": _NEW_DEVICE_COMMAND,
    "DeviceCommand": _NEW_DEVICE_COMMAND
    | {
        "id": "cmd_001",
        "deviceId": "device_001",
        "status": "succeeded",
        "createdAt": "2024-01-15T10:30:00Z",
        "expiresAt": "2024-01-15T10:35:00Z",
        "sentAt": "2024-01-15T10:30:00Z",
        "acknowledgedAt": "2024-01-15T10:30:01Z",
        "result": {"brightness": 80},
    },
}
