// Document 3's receiver as it prints it, the types taken off: it serialises again what it parsed, then compares.
//
// Takes lines of JSON {body (hexadecimal), signature, secret}; prints the status of each answer.
import { createInterface } from "node:readline";
import crypto from 'crypto';

let WEBHOOK_SECRET;
let receive;
const app = { post: (path, handler) => (receive = handler) };
console.log = () => {}; // stdout is for the answers

function verifyWebhook(payload, signature, secret) {
const expectedSignature = crypto
.createHmac('sha256', secret)
.update(payload)
.digest('hex');
return crypto.timingSafeEqual(
Buffer.from(signature),
Buffer.from(`sha256=${expectedSignature}`)
);
}
// 使用示例
app.post('/webhook', (req, res) => {
const signature = req.headers['x-webhook-signature'];
const isValid = verifyWebhook(JSON.stringify(req.body), signature, WEBHOOK_SECRET);
if (!isValid) {
return res.status(401).send('Invalid signature');
}
// 处理事件
const event = req.body;
console.log('Received event:', event.type);
res.status(200).send('OK');
});

// What Express does around it.
const res = {
  status(code) {
    process.stdout.write(`${code}\n`);
    return this;
  },
  send() {},
};
for await (const line of createInterface({ input: process.stdin })) {
  const { body, signature, secret } = JSON.parse(line);
  WEBHOOK_SECRET = secret;
  const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "hex"));
  receive({ body: JSON.parse(text), headers: { "x-webhook-signature": signature } }, res);
}
