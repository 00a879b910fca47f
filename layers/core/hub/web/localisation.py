"""Messages in Chinese (the default, in the documents' own words) and English."""

from collections.abc import Mapping
from typing import Any, Literal

Language = Literal["zh-CN", "en-US"]

DEFAULT: Language = "zh-CN"


def negotiate(accept_language: str) -> Language:
    """Choose the language that an `Accept-Language` header asks for (RFC 9110 section 12.5.4), Chinese by default."""
    best: Language = DEFAULT
    best_weight = 0.0
    for position, part in enumerate(accept_language.split(",")[:20]):
        tag, _, parameters = part.strip().partition(";")
        language = _LANGUAGES.get(tag.split("-")[0].strip().lower())
        weight = _weight(parameters) - position * 1e-6
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def text(key: str, language: Language, values: Mapping[str, Any] | None = None, style: str = "") -> str:
    """Word a message, in a style's own words where its document has some."""
    pair = TEXTS.get(f"{style}.{key}") or TEXTS[key]
    return pair[language == "en-US"].format_map(values or {})


def label(field: str, language: Language) -> str:
    """Name a field for a person: the documents say 邮箱 for `email`."""
    name = field.rsplit(".", 1)[-1]
    return LABELS.get(name, field) if language == "zh-CN" else field


def solution(code: str, language: Language) -> str:
    """What to do about an error, as document 5 tells with each."""
    pair = SOLUTIONS.get(code) or SOLUTIONS["INTERNAL_ERROR"]
    return pair[language == "en-US"]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


_LANGUAGES: dict[str, Language] = {"zh": "zh-CN", "en": "en-US"}

TEXTS: dict[str, tuple[str, str]] = {
    # Errors as a whole; a style's own words come first.
    "invalid_request": ("请求参数无效", "The request is invalid"),
    "D2.invalid_request": ("请求参数错误", "The request is invalid"),
    "D3.invalid_request": ("参数验证失败", "Validation failed"),
    "D5.invalid_request": ("请求参数错误", "The request is invalid"),
    "invalid_type": ("请求参数类型错误", "A parameter has the wrong type"),
    "D3.invalid_type": ("参数类型错误", "A parameter has the wrong type"),
    "unauthorized": ("未授权访问", "Authentication is required: the credential is missing or not valid"),
    "D2.unauthorized": ("未授权，Token无效或过期", "Unauthorized: the token is missing, not valid or expired"),
    "D3.unauthorized": ("Token 无效", "The token is missing or not valid"),
    "D5.unauthorized": ("未授权", "Unauthorized"),
    "credential_expired": ("凭证已过期", "The credential has expired"),
    "D2.credential_expired": ("未授权，Token无效或过期", "Unauthorized: the token has expired"),
    "D3.credential_expired": ("Token 已过期", "The token has expired"),
    "forbidden": ("权限不足", "The credential lacks the permission for this"),
    "D3.forbidden": ("无操作权限", "The credential lacks the permission for this"),
    "D5.forbidden": ("禁止访问", "Forbidden"),
    "access_restricted": ("资源访问受限", "Access to this resource is restricted"),
    "not_found": ("资源不存在", "The resource does not exist"),
    "conflict": ("资源冲突", "The request conflicts with what is stored"),
    "D3.conflict": ("数据已存在", "The data exists already"),
    "precondition_failed": ("资源已被修改,请重新获取后再试", "The resource has changed since it was read"),
    "payload_too_large": ("请求体过大,最大 {limit} 字节", "The body is too large: {limit} bytes at most"),
    "unsupported_media_type": ("不支持的内容类型,请使用 {expected}", "Unsupported content type: use {expected}"),
    "sync_running": ("同步正在进行,请稍后再试", "A sync is running: wait for its end"),
    "provider_refused": ("{platform} 拒绝了请求: {text} ({reason})", "{platform} refused it: {text} ({reason})"),
    "no_connection": ("没有可用的 {platform} 集成", "There is no {platform} integration to send over"),
    "unprocessable": ("业务规则校验失败", "A business rule does not allow this"),
    "D5.unprocessable": ("验证失败", "Validation failed"),
    "rate_limited": ("请求频率超限", "Too many requests"),
    "D3.rate_limited": ("请求过于频繁,请稍后重试", "Too many requests: try again later"),
    "D5.rate_limited": ("请求过于频繁", "Too many requests"),
    "internal_error": ("服务器内部错误", "Internal server error"),
    "unavailable": ("服务不可用,请稍后重试", "The service is unavailable: try again later"),
    "D5.unavailable": ("服务不可用", "The service is unavailable"),
    "success": ("success", "success"),
    # Errors of one kind of request.
    "idempotency_in_progress": (
        "相同 Idempotency-Key 的请求正在处理",
        "A request with this Idempotency-Key is being processed",
    ),
    "idempotency_mismatch": (
        "该 Idempotency-Key 已用于不同的请求",
        "This Idempotency-Key was used with another request",
    ),
    "quota_exceeded": ("数量已达上限 {limit}", "The limit of {limit} is reached"),
    "nothing_to_retry": ("没有可重试的失败记录", "There is no failed delivery to retry"),
    "bad_header": ("表头不正确", "The first row does not name the columns as it should"),
    "file_gone": ("文件已被删除", "The file was deleted"),
    "file_replaced": ("文件内容已被替换", "The content of the file was replaced"),
    "too_many_bad_rows": ("错误行达到 {limit} 行,已停止", "It was stopped after {limit} bad rows"),
    "too_many_columns": ("列数过多", "There are too many columns"),
    "stopped": ("已中断", "It was interrupted"),
    "replay_running": ("该 Webhook 正在重放,请等待其结束", "A replay of this webhook is running: wait for its end"),
    "plugin_installed": (
        "插件已安装: {id},如需更换版本请使用 PUT /v1/plugins/{id}/version",
        "The plugin is installed already: {id}; PUT /v1/plugins/{id}/version brings it to another version",
    ),
    "plugin_inactive": ("插件未启用", "The plugin is not active"),
    "plugin_permission": (
        "该插件需要 {permission},当前凭证没有此权限",
        "The plugin asks for {permission}, which this credential lacks",
    ),
    "manifest_unreachable": ("无法读取插件清单: {reason}", "The manifest could not be read: {reason}"),
    "builtin_has_no_secret": ("内置插件没有签名密钥", "A builtin plugin has no signing secret"),
    "integration_not_active": (
        "集成未启用或处于错误状态,无法同步",
        "The integration is not active: activate it, or mend what is wrong with it",
    ),
    "last_admin": ("至少需要一名启用的管理员", "At least one active administrator must remain"),
    "own_user": ("不能删除自己", "You cannot delete yourself"),
    "webhook_inactive": ("Webhook 未启用", "The webhook is not active"),
    "conversation_closed": (
        "对话已关闭,客服需先重新打开",
        "The conversation is closed: an agent must reopen it first",
    ),
    "delivery_not_failed": ("消息没有发送失败,无需重发", "The message has not failed: there is nothing to send again"),
    "oauth_error": ("{description}", "{description}"),
    "public_client_has_no_secret": ("公共客户端没有密钥", "A public client has no secret"),
    # Forwarding.
    "change_running": (
        "正在导入或恢复配置,请稍后重试",
        "An import or a restore is writing the configuration: try again in a moment",
    ),
    "account_added": ("账号添加成功", "The account was added"),
    "account_started": ("抓取器启动成功", "Capturing has started"),
    "account_stopped": ("抓取器停止成功", "Capturing has stopped"),
    "bot_added": ("Bot添加成功", "The bot was added"),
    "test_message": ("【{name}】这是一条测试消息", "[{name}] This is a test message"),
    "test_sent": ("测试消息发送成功", "The test message was sent"),
    "test_read": (
        "连接测试成功;未指定频道,因此没有发送测试消息",
        "The connection works; no test message was sent, as no channel is known",
    ),
    "bot_test_failed": ("Bot 测试失败: {reason}", "The platform did not accept the test: {reason}"),
    "mapping_added": ("映射添加成功", "The mapping was added"),
    "mappings_added": ("已添加 {created} 个映射,失败 {failed} 个", "{created} mappings were added, {failed} were not"),
    "mappings_imported": (
        "映射导入成功: 新增 {created},更新 {updated},未变 {unchanged}",
        "The mappings were imported: {created} new, {updated} changed, {unchanged} as they were",
    ),
    "backup_restored": ("备份恢复成功", "The backup was restored"),
    "backup_damaged": ("备份文件已损坏或不存在", "The backup is damaged, or its file is gone"),
    "learned": ("已记录反馈", "The judgement was learned"),
    "match_exact": ("名称相同", "The names are the same"),
    "match_normalised": ("忽略大小写、符号和繁简后名称相同", "The names are the same but for case, signs and script"),
    "match_keyword": ("名称含义相同", "The names mean the same"),
    "match_similar": ("名称相似", "The names are alike"),
    "invalid_cookie": ("Cookie格式无效", "The cookie is malformed"),
    "no_token": ("该账号没有 KOOK 机器人 Token", "The account has no token of a KOOK bot"),
    "cookie_not_allowed": (
        "此部署不允许使用 Cookie 登录 KOOK",
        "This deployment does not let accounts act by a browser's cookies",
    ),
    "kook_refused": ("KOOK 拒绝了请求: {reason}", "KOOK refused: {reason}"),
    "kook_unavailable": ("KOOK 暂时无法访问: {reason}", "KOOK cannot be reached just now: {reason}"),
    "account_exists": ("该邮箱的账号已存在", "There is an account with this email already"),
    "bot_in_use": ("该 Bot 正被 {count} 个映射使用", "{count} mappings use this bot"),
    "no_such_bot": ("不存在该 {platform} Bot", "There is no such bot of {platform}"),
    "mapping_exists": ("相同的映射已存在", "There is a mapping from this channel to this target already"),
    "wrong_password": ("邮箱或密码错误", "The email or the password is wrong"),
    "password_changed": ("密码修改成功,请重新登录", "The password is changed: sign in again"),
    "logs_clearing": ("旧日志正在后台清除", "Old messages are being cleared in the background"),
    "system_started": ("服务启动成功", "Forwarding is started"),
    "system_stopped": (
        "服务已停止,消息将保留到再次启动",
        "Forwarding is stopped: messages wait until it is started again",
    ),
    "system_restarted": ("服务重启成功", "Forwarding is restarted"),
    "updates_not_configured": ("未配置更新地址", "No address is configured at which releases are told"),
    "updates_unreachable": ("无法获取最新版本: {reason}", "The latest release cannot be read: {reason}"),
    "not_signed_in": ("该操作需要用户登录", "This needs a signed-in user, not an API key"),
    # What is wrong with a field.
    "missing": ("不能为空", "is required"),
    "unknown_field": ("未知字段", "is not a known field"),
    "malformed": ("格式不正确", "is malformed"),
    "json_invalid": ("不是有效的 JSON", "is not valid JSON"),
    "must_be_string": ("必须是字符串", "must be a string"),
    "must_be_integer": ("必须是整数", "must be an integer"),
    "must_be_number": ("必须是数字", "must be a number"),
    "must_be_boolean": ("必须是布尔值", "must be true or false"),
    "must_be_list": ("必须是数组", "must be a list"),
    "must_be_object": ("必须是对象", "must be an object"),
    "must_be_time": ("必须是 ISO 8601 时间", "must be an ISO 8601 time"),
    "must_be_date": ("必须是 YYYY-MM-DD 形式的日期", "must be a date such as 2024-01-31"),
    "unknown_time_zone": ("必须是 IANA 时区名称,例如 Asia/Shanghai", "must be an IANA time zone such as Asia/Shanghai"),
    "time_without_zone": ("必须带时区的 ISO 8601 时间", "must be an ISO 8601 time with a zone"),
    "too_short": ("长度不能少于 {min_length}", "must have a length of at least {min_length}"),
    "too_long": ("长度不能超过 {max_length}", "must have a length of at most {max_length}"),
    "too_small": ("不能小于 {ge}", "must be at least {ge}"),
    "too_large": ("不能大于 {le}", "must be at most {le}"),
    "not_one_of": ("必须是以下之一: {expected}", "must be one of: {expected}"),
    "not_recent": ("必须在最近 {days} 天内", "must be within the last {days} days"),
    "not_after": ("必须晚于 {other}", "must be after {other}"),
    "not_before": ("不能早于 {other}", "must not be before {other}"),
    "period_too_long": ("时间范围不能超过 {hours} 小时", "must not make the period longer than {hours} hours"),
    "too_many_days": ("时间范围不能超过 {days} 天", "must not make the period longer than {days} days"),
    "in_the_future": ("不能晚于当前时间", "must not be in the future"),
    "in_the_past": ("必须晚于当前时间", "must be in the future"),
    "duplicate": ("不能重复", "must not repeat"),
    "unknown_event": ("未知事件: {name}", "has an unknown event: {name}"),
    "unknown_permission": ("未知权限: {name}", "has an unknown permission: {name}"),
    "unknown_name": ("未知字段: {name}", "has an unknown field: {name}"),
    "unknown_operator": ("未知操作符: {name}", "has an unknown operator: {name}"),
    "unsupported_operator": ("不支持操作符: {name}", "does not take the operator {name}"),
    "bad_url": ("必须是 http 或 https 网址", "must be an http or https URL"),
    "bad_quotes": ("引号不匹配", "has a quote that is not closed, or text behind a closed one"),
    "bad_encoding": ("不是所声明的编码", "is not in the encoding that was named"),
    "row_too_long": ("超过 {limit} 字节", "has more than {limit} bytes"),
    "wrong_number_of_columns": ("应有 {expected} 列,实际 {count} 列", "has {count} columns instead of {expected}"),
    "unknown_column": ("未知列: {name}", "has an unknown column: {name}"),
    "duplicate_column": ("列重复: {name}", "names a column twice: {name}"),
    "missing_column": ("缺少列: {name}", "lacks the column {name}"),
    "not_uploaded": ("尚未上传", "is not uploaded"),
    "other_size": ("实际 {size} 字节,声明为 {expected} 字节", "has {size} bytes where {expected} were announced"),
    "refused_address": ("不允许指向内部地址", "must not lead to an internal address"),
    "reserved_header": ("不能覆盖保留的请求头: {name}", "must not override the reserved header {name}"),
    "illegal_move": (
        "不能从 {before} 变更为 {after},可变更为: {legal}",
        "cannot go from {before} to {after}, only to: {legal}",
    ),
    "final_status": ("为 {before},已是最终状态,不能变更", "is {before}, which is final"),
    "unknown_currency": ("必须是 ISO 4217 货币代码,例如 CNY", "must be an ISO 4217 currency code such as CNY"),
    "not_the_sum": ("必须等于商品合计 {sum}", "must be what the items come to: {sum}"),
    "more_than_rest": ("不能超过可退金额 {limit}", "must not be more than what is left to refund: {limit}"),
    "last_refund": (
        "须为全部余额 {rest}: 最多退款 {limit} 次",
        "must be all that is left, {rest}, in the last of {limit} refunds",
    ),
    "own_channel": ("不能是来源频道本身", "must not be the channel that it comes from"),
    "nothing_to_change": ("没有可更新的字段", "has nothing to change"),
    "use_cursor": ("匹配超过 {limit} 行,请改用 cursor 分页", "matches more than {limit} rows: use cursor paging"),
    "too_many_to_count": (
        "需读取超过 {limit} 行,请改用 cursor 分页",
        "would read more than {limit} rows: use cursor paging",
    ),
    "too_many_to_sort": (
        "需排序超过 {limit} 行,请缩小条件或按以下字段排序: {expected}",
        "would sort more than {limit} rows: narrow the list, or sort by one of: {expected}",
    ),
    "not_combined": ("不能与 {other} 同时使用", "cannot be combined with {other}"),
    "bad_redirect_uri": ("不是允许的回调地址: {uri}", "has a redirect URI that is not allowed: {uri}"),
    "not_on_platform": ("在 {platform} 上不可用", "does not exist on {platform}"),
    "not_with_type": ("类型 {type} 不能带此字段", "does not go with the type {type}"),
    "does_not_exist": ("不存在", "does not exist"),
    "not_failed": ("不是失败的记录", "is not a failed delivery"),
    "test_event": ("是测试事件,不能重试", "is a test event, which is not sent again"),
    "current_secret": ("与当前的相同", "is the current one"),
    "send_anew": ("更改网址时须重新填写", "must be sent anew where a URL changes"),
    "breached_password": ("过于常见,已出现在泄露密码中", "is too common: it is known from breaches"),
    "taken": ("已存在", "is taken already"),
    "weak_key": (
        "的密钥须为 {bits} 位以上的 RSA 密钥,或 P-256、P-384 密钥",
        "must have an RSA key of {bits} bits or more, or a P-256 or P-384 key",
    ),
    "unsupported_keyword": ("是不支持的 JSON Schema 关键字", "is a JSON Schema keyword that manifests cannot use"),
    "secret_too_deep": ("密钥字段只能位于配置的第一层", "must be a field of the config itself, as a secret"),
    "reserved_name": ("是保留的名称", "is a reserved name"),
    "malformed_plugin_id": (
        "必须形如 plugin_weather_v1.0.0",
        "must be like plugin_weather_v1.0.0: a name and a semantic version",
    ),
    "not_the_version_of_the_id": ("必须与 id 中的版本一致: {expected}", "must be the version of the id: {expected}"),
    "needs_permission": (
        "订阅 {event} 需要权限 {permission}",
        "has {event}, for which the permissions must name {permission}",
    ),
    "must_be_https": ("必须是 https 网址", "must be an https URL"),
    "of_the_marketplace": ("是插件市场中的插件", "is a plugin of the marketplace"),
    "other_plugin": ("必须是 {expected} 的版本", "must be a version of {expected}"),
    "not_above": ("必须大于 {bound}", "must be more than {bound}"),
    "not_below": ("必须小于 {bound}", "must be less than {bound}"),
    "too_many_bytes": ("不能超过 {limit} 字节", "must have at most {limit} bytes"),
    "too_deep": ("嵌套不能超过 {limit} 层", "must not be nested deeper than {limit} levels"),
    "too_many_values": ("最多包含 {limit} 个值", "must have at most {limit} values"),
    "too_many_asterisks": ("最多包含 {limit} 个 *", "must have at most {limit} asterisks"),
    "must_be_list_or_object": ("必须是数组或对象", "must be a list or an object"),
    "must_be_value": (
        "必须是字符串、数字、布尔值、null 或操作符",
        "must be a string, a number, true, false, null or an operator",
    ),
    "must_be_scalar": ("必须是字符串、数字、布尔值或 null", "must be a string, a number, true, false or null"),
    "must_be_strings": ("必须是字符串或字符串数组", "must be a string or a list of strings"),
    "must_be_strings_or_numbers": (
        "必须是字符串、数字,或由同一种值组成的数组",
        "must be a string, a number, or a list of one of these kinds",
    ),
    "one_operator": ("必须恰好有一个操作符", "must have exactly one operator"),
    "bad_alternatives": ("必须是至少包含两个对象的数组", "must be a list of at least two objects"),
    "reserved_in_alternatives": (
        "操作符名称不能用作 $or 中的字段名",
        "is an operator: no field inside $or has its name",
    ),
    "bad_wildcard": (
        "不能有连续的 *,反斜杠只能用于转义 * 和反斜杠",
        "must have no two asterisks in a row, and a backslash only before * or a backslash",
    ),
    "bad_range": ('必须形如 ["=", 5] 或 [">", 0, "<=", 5]', 'must be like ["=", 5] or [">", 0, "<=", 5]'),
    "empty_range": ("下限必须小于上限", "must have a lower bound below the upper one"),
    "empty_name": ("不能有空的字段名", "must not have a field without a name"),
    "out_of_bounds": ("必须在 {bottom} 到 {top} 之间", "must be between {bottom} and {top}"),
    "bad_cidr": ("必须是 CIDR 地址段,例如 10.0.0.0/24", "must be a CIDR block such as 10.0.0.0/24"),
}

LABELS: dict[str, str] = {
    "email": "邮箱",
    "phone": "手机号",
    "name": "名称",
    "description": "描述",
    "permissions": "权限",
    "expires_at": "过期时间",
    "url": "网址",
    "events": "事件",
    "secret": "密钥",
    "headers": "请求头",
    "body": "请求体",
    "page": "页码",
    "limit": "每页数量",
    "pageSize": "每页数量",
    "cursor": "游标",
    "password": "密码",
    "status": "状态",
    "fileId": "文件",
    "header": "表头",
    "row": "该行",
    "industry": "行业",
    "contact": "联系人",
    "amount": "金额",
    "tags": "标签",
    "customFields": "自定义字段",
    "customers": "客户",
    "customerId": "客户",
    "items": "商品",
    "quantity": "数量",
    "unitPrice": "单价",
    "currency": "货币",
    "note": "备注",
    "metadata": "元数据",
    "reason": "原因",
    "type": "类型",
    "attributes": "属性",
    "certificates": "证书",
    "csr": "证书签名请求",
    "desired": "期望状态",
    "version": "版本",
    "cookie": "Cookie",
    "token": "Token",
    "server_id": "服务器",
    "platform": "平台",
    "config": "配置",
    "mappings": "映射",
    "kook_server_id": "KOOK 服务器",
    "kook_channel_id": "KOOK 频道",
    "target_platform": "目标平台",
    "target_bot_id": "目标 Bot",
    "target_channel_id": "目标频道",
    "enabled": "启用状态",
}

SOLUTIONS: dict[str, tuple[str, str]] = {
    "INVALID_REQUEST": ("请检查请求参数", "Check the request's parameters"),
    "UNAUTHORIZED": ("请提供有效的 API Token 或重新登录", "Send a valid API token or sign in again"),
    "FORBIDDEN": ("请使用具有相应权限的凭证", "Use a credential that has the permission"),
    "NOT_FOUND": ("请检查资源 ID 是否正确", "Check the id"),
    "CONFLICT": ("请刷新数据后重试", "Read the data again and retry"),
    "PRECONDITION_FAILED": ("请重新获取数据后再试", "Read the data again and retry"),
    "PAYLOAD_TOO_LARGE": ("请减小请求体", "Send a smaller body"),
    "UNSUPPORTED_MEDIA_TYPE": ("请设置 Content-Type 为 application/json", "Set Content-Type to application/json"),
    "UNPROCESSABLE": ("请检查业务规则", "Check the rule that the message names"),
    "INVALID_CREDENTIALS": ("请检查邮箱和密码", "Check the email and the password"),
    "UPDATES_UNREACHABLE": (
        "请稍后重试,如仍失败请检查部署参数 UpdatesUrl",
        "Retry later; if it persists, check the deployment parameter UpdatesUrl",
    ),
    "RATE_LIMITED": ("请稍后重试", "Wait and retry"),
    "UNAVAILABLE": ("请稍后重试", "Wait and retry"),
    "INVALID_COOKIE": (
        "请检查Cookie格式是否为有效的JSON数组",
        "Send a JSON array of cookies, each with its name and value, as text",
    ),
    "TOKEN_MISSING": (
        "请在 KOOK 开发者中心创建机器人,并把它的 Token 填入账号的 token 字段",
        "Make a bot in KOOK's developer centre, and set its token as the account's token",
    ),
    "COOKIE_NOT_ALLOWED": (
        "请改用 KOOK 机器人 Token(token 字段);KOOK 的条款不允许用 Cookie 抓取",
        "Set the token of a KOOK bot as the account's token; KOOK's terms speak against cookies",
    ),
    "KOOK_REFUSED": ("请检查账号的机器人 Token 及其权限", "Check the token of the account's bot, and what it may do"),
    "KOOK_UNAVAILABLE": ("请稍后重试", "Wait and retry"),
    "BACKUP_DAMAGED": ("请选择另一个备份", "Choose another backup"),
    "BOT_TEST_FAILED": ("请检查 Bot 的配置和频道 ID", "Check the bot's config and the channel's id"),
    "QUOTA_EXCEEDED": ("请先删除不再需要的项目", "Delete what is no longer needed first"),
    "CHANGE_RUNNING": ("请等待导入或恢复完成后重试", "Wait for the import or the restore to end, then retry"),
    "ACCOUNT_EXISTS": ("请更新已有账号,或先将其删除", "Change the account that is there, or delete it first"),
    "BOT_IN_USE": (
        "请先删除使用该 Bot 的映射,或将其改为其他 Bot",
        "Delete the mappings that use the bot first, or point them to another",
    ),
    "BOT_NOT_FOUND": (
        "请先添加该平台的 Bot,并使用其 ID 作为 target_bot_id",
        "Add a bot of this platform first, and name its id as target_bot_id",
    ),
    "MAPPING_EXISTS": ("请更新已有映射", "Change the mapping that is there"),
    "INTERNAL_ERROR": (
        "请稍后重试,如仍失败请提供请求 ID 联系支持",
        "Retry later; if it persists, report the request id",
    ),
}
