// The tour of a usual user: the examples of the client's README, from top to bottom.

import crypto from "node:crypto";
import jsforce from "jsforce";
import PubSubApiClient from "salesforce-pubsub-api-client";
import { expect, given, step } from "./steps.mjs";

const { url, secureUrl, events } = given;
const TOPIC = "/event/Sample__e";
const CHANGES = "/data/AccountChangeEvent";
const SECONDS = 15;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const user = { username: "hub@sandbox.example", password: "sandbox-password", userToken: "TOKEN" };
const app = { clientId: "sandbox-client", clientSecret: "sandbox-secret" };
const own = { pubSubEndpoint: events, rejectUnauthorizedSsl: false };

const control = async (name, content) => {
  const asked = content && { method: "POST", body: JSON.stringify(content) };
  return (await fetch(`${url}/__sandbox__/${name}`, asked)).json();
};
const open = [];
async function connected(config) {
  const client = new PubSubApiClient({ ...own, ...config }, silent);
  open.push(client);
  await client.connect();
  return client;
}

/** What a subscription's callback is called with, to be waited for. */
function heard() {
  const all = [];
  const waiting = new Set();
  const callback = (subscription, kind, data) => {
    all.push({ kind, data, info: { ...subscription } });
    waiting.forEach((look) => look());
  };
  const of = (kind) => all.filter((each) => each.kind === kind).map((each) => each.data);
  const until = (kind, count = 1) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${kind} in ${SECONDS} s, but ${all.map((e) => e.kind)}`)), SECONDS * 1000);
      const look = () => {
        if (of(kind).length < count) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(of(kind));
      };
      waiting.add(look);
      look();
    });
  return { all, callback, of, until };
}
async function streams(count) {
  const deadline = Date.now() + SECONDS * 1000;
  while ((await control("events")).streams < count) expect(Date.now() < deadline, "the subscription did not begin");
}
/** Fails the step unless the promise is refused, somewhere down its causes, with that gRPC status and code. */
async function refusedWith(status, code, attempt) {
  let error;
  try {
    await attempt();
  } catch (thrown) {
    error = thrown;
  }
  while (error?.cause) error = error.cause;
  saysSo(error, status, code);
}
function saysSo(error, status, code) {
  expect(error, "it was answered");
  const said = error.metadata?.get("error-code")[0];
  expect(error.code === status && said === `sfdc.platform.eventbus.grpc.${code}`, `${error.code} ${said}: ${error.message}`);
}
const message = (text) => ({
  CreatedDate: Date.now(), // must be there, is not looked at
  CreatedById: "0055i0000000001AAA",
  Message__c: { string: text },
  Count__c: { double: 1 },
});

await control("event-types", { name: "Sample__e", fields: { Message__c: "string", Count__c: "double" } });
await control("quirks", { "salesforce.keepalive_seconds": "0.5" });

// -- connect ----------------------------------------------------------------------------------------------------------
const client = await step("connect (client credentials)", async () =>
  connected({ authType: "oauth-client-credentials", loginUrl: url, ...app }),
);
const conn = new jsforce.Connection({ oauth2: { loginUrl: url, ...app }, loginUrl: url });
await conn.login(user.username, user.password + user.userToken);

await step("connect (user and password)", async () => {
  const other = await connected({ authType: "username-password", loginUrl: url, ...user });
  const events = heard();
  other.subscribeFromEarliestEvent(CHANGES, events.callback, 1);
  await events.until("grpcKeepAlive");
});
await step("connect (JWT bearer)", async () => {
  const { privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  const { username } = user;
  await connected({ authType: "oauth-jwt-bearer", loginUrl: url, clientId: app.clientId, username, privateKey: pem });
});
await step("connect (access token of another client)", async () => {
  const other = await connected({ authType: "user-supplied", accessToken: conn.accessToken, instanceUrl: secureUrl });
  const events = heard();
  other.subscribeFromEarliestEvent(CHANGES, events.callback, 1);
  await events.until("grpcKeepAlive");
});
await step("connect (wrong secret)", async () => {
  const wrong = { authType: "oauth-client-credentials", loginUrl: url, ...app, clientSecret: "wrong" };
  await connected(wrong).then(
    () => expect(false, "it was let in"),
    (error) => expect(String(error.cause?.message).includes("HTTP 400"), error.cause?.message),
  );
});

// -- change events ----------------------------------------------------------------------------------------------------
const accounts = (await conn.query("SELECT Id FROM Account ORDER BY Id LIMIT 3")).records.map((row) => row.Id);
const changes = heard();

await step("subscribe to an object's changes", async () => {
  const before = (await control("events")).streams;
  client.subscribe(CHANGES, changes.callback);
  await streams(before + 1);
});
await step("receive what a REST write changed", async () => {
  await conn.sobject("Account").update({ Id: accounts[0], Phone: "03-0000-0001", BillingCity: "Osaka" });
  const [event] = await changes.until("event");
  const { ChangeEventHeader: header, Phone, BillingAddress } = event.payload;
  expect(header.changeType === "UPDATE" && header.recordIds[0] === accounts[0], JSON.stringify(header));
  expect(Phone === "03-0000-0001", `Phone: ${JSON.stringify(Phone)}`);
  expect(JSON.stringify(BillingAddress).includes("Osaka"), `BillingAddress: ${JSON.stringify(BillingAddress)}`);
});
await step("read which fields changed", async () => {
  const [event] = changes.of("event");
  const names = event.payload.ChangeEventHeader.changedFields;
  expect(["Phone", "BillingAddress.City", "LastModifiedDate"].every((name) => names.includes(name)), String(names));
});
await step("read which fields were emptied", async () => {
  await conn.sobject("Account").update({ Id: accounts[0], Phone: null });
  const event = (await changes.until("event", 2))[1];
  const { nulledFields } = event.payload.ChangeEventHeader;
  expect(nulledFields.includes("Phone") && event.payload.Phone === null, String(nulledFields));
});
await step("receive a record's creation and deletion", async () => {
  const { id } = await conn.sobject("Account").create({ Name: "Made by jsforce" });
  await conn.sobject("Account").destroy(id);
  const last = (await changes.until("event", 4)).slice(2).map((event) => event.payload.ChangeEventHeader);
  expect(last.map((header) => header.changeType).join() === "CREATE,DELETE", JSON.stringify(last));
  expect(last.every((header) => header.recordIds[0] === id), JSON.stringify(last));
});
await step("hear keep-alives that name the latest position", async () => {
  await changes.until("grpcKeepAlive");
  const { info } = changes.all.findLast((each) => each.kind === "grpcKeepAlive");
  expect(info.lastReplayId === changes.of("event").at(-1).replayId, JSON.stringify(info));
});

// -- where a subscription begins ----------------------------------------------------------------------------------------
const another = () => connected({ authType: "oauth-client-credentials", loginUrl: url, ...app });

await step("replay from the earliest event", async () => {
  const replayed = heard();
  (await another()).subscribeFromEarliestEvent(CHANGES, replayed.callback, 4);
  await replayed.until("lastEvent");
  const ids = (found) => found.of("event").map((event) => event.replayId).join();
  expect(ids(replayed) === ids(changes), `${ids(replayed)} instead of ${ids(changes)}`);
});
await step("replay from an id", async () => {
  const replayed = heard();
  const [first, second, third] = changes.of("event");
  (await another()).subscribeFromReplayId(CHANGES, replayed.callback, 2, first.replayId);
  await replayed.until("lastEvent");
  expect(replayed.of("event").map((event) => event.id).join() === [second.id, third.id].join(), "other events");
});
await step("ask for more events", async () => {
  const replayed = heard();
  const other = await another();
  other.subscribeFromEarliestEvent(CHANGES, replayed.callback, 1);
  await replayed.until("lastEvent");
  expect(replayed.of("event").length === 1, `${replayed.of("event").length} events for one`);
  other.requestAdditionalEvents(CHANGES, 3);
  await replayed.until("lastEvent", 2);
  expect(replayed.of("event").length === 4, `${replayed.of("event").length} events for four`);
});
await step("replay from an id that is too old", async () => {
  const replayed = heard();
  (await another()).subscribeFromReplayId(CHANGES, replayed.callback, 1, 1);
  const [error] = await replayed.until("error");
  saysSo(error, 3, "subscription.fetch.replayid.corrupted");
  await replayed.until("end");
});

// -- platform events ----------------------------------------------------------------------------------------------------
const received = heard();
await step("publish a platform event and receive it", async () => {
  const before = (await control("events")).streams;
  client.subscribe(TOPIC, received.callback);
  await streams(before + 1);
  const result = await client.publish(TOPIC, message("Hello"), "my-key");
  const [event] = await received.until("event");
  expect(result.correlationKey === "my-key" && result.replayId === event.replayId, JSON.stringify(result));
  expect(event.payload.Message__c === "Hello" && event.payload.Count__c === 1, JSON.stringify(event.payload));
});
await step("publish a batch of events", async () => {
  const published = heard();
  const batch = ["1", "2", "3"].map((text) => ({ id: `batch-${text}`, payload: message(text) }));
  await client.publishBatch(TOPIC, batch, published.callback);
  const [answer] = await published.until("publishResponse");
  expect(answer.results.map((result) => result.correlationKey).join() === "batch-1,batch-2,batch-3", JSON.stringify(answer));
  await client.publishBatch(TOPIC, [{ payload: message("4") }], published.callback);
  await published.until("publishResponse");
  const texts = (await received.until("event", 5)).slice(1).map((event) => event.payload.Message__c);
  expect(texts.join() === "1,2,3,4", texts.join());
});
await step("receive what the org's own flow publishes", async () => {
  const provisioned = heard();
  (await another()).subscribeFromEarliestEvent("/event/OrderProvisionRequested__e", provisioned.callback, 1);
  await control("events", { event: "OrderProvisionRequested__e", fields: { OrderId__c: "801000000000000AAA" } });
  const [event] = await provisioned.until("event");
  expect(event.payload.OrderId__c === "801000000000000AAA", JSON.stringify(event.payload));
});

// -- what goes wrong --------------------------------------------------------------------------------------------------
await step("subscribe to an unknown channel", async () => {
  const nothing = heard();
  (await another()).subscribe("/event/INVALID", nothing.callback);
  saysSo((await nothing.until("error"))[0], 5, "topic.not.found");
  const [status] = await nothing.until("grpcStatus");
  expect(status.code === 5, JSON.stringify(status));
  await nothing.until("end");
});
await step("publish on an unknown channel", () =>
  refusedWith(5, "topic.not.found", () => client.publish("/event/INVALID__e", message("x"))),
);
await step("publish on a channel of changes", async () => {
  const [{ payload }] = changes.of("event").slice(-1); // the deletion: every field of it is empty
  await refusedWith(7, "topic.meta.permission", () => client.publish(CHANGES, payload));
});
await step("use a wrong access token", async () => {
  const nobody = heard();
  const accessToken = `${conn.accessToken.split("!")[0]}!wrong`;
  const other = await connected({ authType: "user-supplied", accessToken, instanceUrl: secureUrl });
  other.subscribe(CHANGES, nobody.callback);
  saysSo((await nobody.until("error"))[0], 16, "service.auth.error");
});
await step("hear of a session's end and subscribe anew from the last position", async () => {
  const other = await another();
  const first = heard();
  other.subscribeFromEarliestEvent(CHANGES, first.callback, 10);
  const lastSeen = (await first.until("event", 4)).at(-1).replayId;
  await control("expire-sessions", {});
  saysSo((await first.until("error"))[0], 16, "service.auth.error");
  const fresh = new jsforce.Connection({ oauth2: { loginUrl: url, ...app }, loginUrl: url });
  await fresh.login(user.username, user.password + user.userToken);
  await fresh.sobject("Account").update({ Id: accounts[1], Phone: "03-0000-0002" });
  const second = heard();
  (await another()).subscribeFromReplayId(CHANGES, second.callback, 1, lastSeen);
  const [event] = await second.until("event");
  expect(event.payload.Phone === "03-0000-0002", JSON.stringify(event.payload));
});
await step("read an event whose schema an administrator has changed", async () => {
  const anew = new jsforce.Connection({ oauth2: { loginUrl: url, ...app }, loginUrl: url });
  await anew.login(user.username, user.password + user.userToken);
  const found = heard();
  const before = (await control("events")).streams;
  (await another()).subscribe(CHANGES, found.callback);
  await streams(before + 1);
  await anew.sobject("Account").update({ Id: accounts[2], Phone: "03-0000-0003" });
  await control("event-faults", { mode: "schema_change", field: "Added_Later__c" });
  await anew.sobject("Account").update({ Id: accounts[2], Phone: "03-0000-0004" });
  const [one, two] = await found.until("event", 2);
  expect(one.schemaId !== two.schemaId && "Added_Later__c" in two.payload, JSON.stringify([one, two].map((e) => e.schemaId)));
});

open.forEach((each) => each.close());
process.exit(0); // streams that were refused keep their timers
