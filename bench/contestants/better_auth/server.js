// better-auth with e-mail and password, sessions in PostgreSQL, as its documentation sets it up; without its limits.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";

const port = Number(process.env.BENCH_PORT);
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: process.env.BENCH_SECRET,
  database: new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 8 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});
await (await getMigrations(auth.options)).runMigrations();
const handler = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url === "/health") response.end("ok");
  else handler(request, response);
}).listen(port, "127.0.0.1");
