// An emulator of Telegram's Bot API, on a port of this machine until its standard input ends; says "ready" when it serves.
import TelegramServer from "telegram-test-api";

const server = new TelegramServer({ host: "127.0.0.1", port: Number(process.argv[2]) });
await server.start();
console.log("ready");
process.stdin.on("end", () => process.exit(0)).resume();
