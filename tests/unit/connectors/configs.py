"""A config of every service type, each field given, as a person would send it."""

from typing import Any

CONFIGS: dict[str, dict[str, Any]] = {
    "slack": {
        "webhook_url": "https://hooks.slack.com/services/T00000000/B00000000/slackSecretPath",
        "bot_token": "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
        "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5",
        "channel": "#general",
        "username": "Hub",
        "base_url": "https://slack.example.com/api",
    },
    "discord": {
        "webhook_url": "https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0fb30d8128367b3b1b44f",
        "username": "Hub",
    },
    "telegram": {
        "bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "webhook_secret": "telegram-webhook-secret",
        "chat_id": "-1001234567890",
        "base_url": "https://telegram.example.com",
    },
    "feishu": {
        "app_id": "cli_slkdjalasdkjasd",
        "app_secret": "feishu-app-secret",
        "webhook_url": "https://open.feishu.cn/open-apis/bot/v2/hook/feishu-hook-path",
        "secret": "feishu-signing-secret",
        "verification_token": "feishu-verification-token",
        "encrypt_key": "feishu-encrypt-key",
        "chat_id": "oc_a0553eda9014c201e6969b478895c230",
        "base_url": "https://feishu.example.com",
    },
    "dingtalk": {
        "access_token": "566cc69da782ec33a9d7a3f0a8d3c9c1e3a1a1b2c3d4e5f60718293a4b5c6d7e",
        "secret": "SECdingtalk-signing-secret",
        "base_url": "https://dingtalk.example.com",
    },
    "wecom": {"key": "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", "base_url": "https://wecom.example.com"},
    "whatsapp": {
        "phone_number_id": "106540352242922",
        "access_token": "EAAJB-whatsapp-access-token",
        "app_secret": "whatsapp-app-secret",
        "verify_token": "whatsapp-verify-token",
        "phone_number": "+15550783881",
        "base_url": "https://graph.example.com/v25.0",
    },
    "wechat": {
        "app_id": "wxb11529c136998cb6",
        "app_secret": "wechat-app-secret",
        "token": "wechatCallbackToken",
        "encoding_aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "base_url": "https://wechat.example.com",
    },
    "signal": {
        "base_url": "https://signal.example.com",
        "number": "+4915112345678",
        "token": "signal-proxy-token",
        "callback_secret": "signal-callback-secret",
    },
    "kook": {
        "token": "1/MTA2MjE=/kook-bot-token",
        "verify_token": "kook-verify-token",
        "encrypt_key": "kook-encrypt-key",
        "channel_id": "48818200000000000",
        "base_url": "https://kook.example.com/api/v3",
    },
    "github": {
        "token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "repository": "octocat/Hello-World",
        "issue": 1347,
        "webhook_secret": "github-webhook-secret",
        "base_url": "https://github.example.com",
    },
    "jira": {
        "base_url": "https://your-domain.atlassian.net",
        "email": "fred@example.com",
        "api_token": "jira-api-token",
        "project": "EX",
        "issue": "EX-1",
        "issue_type": "Bug",
        "webhook_secret": "jira-webhook-secret",
    },
    "http": {
        "url": "https://example.com/messages",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "token": "http-bearer-token",
        "records_url": "https://example.com/records",
    },
}
