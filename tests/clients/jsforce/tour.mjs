// The tour of a usual jsforce user: https://jsforce.github.io/document/ from top to bottom.

import jsforce from "jsforce";
import { expect, given, refused, step } from "./steps.mjs";

const { url } = given;
const user = { username: "hub@sandbox.example", password: "sandbox-password" };
const oauth2 = { loginUrl: url, clientId: "sandbox-client", clientSecret: "sandbox-secret" };
const day = 86_400_000;

// -- log in -----------------------------------------------------------------------------------------------------------
const conn = new jsforce.Connection({ oauth2, loginUrl: url, version: "62.0" });

await step("log in (OAuth, user and password)", async () => {
  const info = await conn.login(user.username, `${user.password}TOKEN`);
  expect(info.organizationId.startsWith("00D"), "no organization");
});
await step("log in (SOAP, API 60)", async () => {
  const soap = new jsforce.Connection({ loginUrl: url, version: "60.0", logLevel: "NONE" });
  const info = await soap.login(user.username, `${user.password}TOKEN`);
  expect(info.id.startsWith("005") && soap.accessToken, "no session");
  expect((await soap.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("log in (SOAP, API 66: gone)", async () => {
  const soap = new jsforce.Connection({ loginUrl: url, version: "66.0", logLevel: "NONE" });
  await refused("UNSUPPORTED_API_VERSION", () => soap.login(user.username, `${user.password}TOKEN`));
});
await step("log in (client credentials)", async () => {
  const app = new jsforce.Connection({ instanceUrl: url, oauth2, version: "62.0" });
  await app.authorize({ grant_type: "client_credentials" });
  expect((await app.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("log in (wrong password)", () => {
  const wrong = new jsforce.Connection({ oauth2, loginUrl: url });
  return refused("invalid_grant", () => wrong.login(user.username, "wrong"));
});
await step("use an access token", async () => {
  const other = new jsforce.Connection({ instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: "62.0" });
  expect((await other.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("identity", async () => {
  const who = await conn.identity();
  expect(who.username === user.username && who.organization_id.startsWith("00D"), JSON.stringify(who));
});
await step("versions", async () => {
  expect((await conn.request("/services/data")).some((each) => each.version === "62.0"), "no version 62.0");
});
await step("a token that is no session", () => {
  const other = new jsforce.Connection({ instanceUrl: url, accessToken: "00D!nobody", version: "62.0" });
  return refused("INVALID_SESSION_ID", () => other.query("SELECT Id FROM Account"));
});
await step("a retired version, and one not yet there", async () => {
  const at = (version) =>
    new jsforce.Connection({ instanceUrl: url, accessToken: conn.accessToken, version }).query("SELECT Id FROM Account");
  await refused("GONE", () => at("30.0"));
  await refused("NOT_FOUND", () => at("99.0"));
});

// -- read -------------------------------------------------------------------------------------------------------------
await step("describe global", async () => {
  const names = (await conn.describeGlobal()).sobjects.map((each) => each.name);
  expect(["Account", "Order", "OrderItem", "Case"].every((name) => names.includes(name)), names.join());
});
await step("describe", async () => {
  const order = await conn.sobject("Order").describe();
  const status = order.fields.find((field) => field.name === "Status");
  expect(status.type === "picklist" && status.restrictedPicklist, JSON.stringify(status));
  expect(order.childRelationships.some((child) => child.relationshipName === "OrderItems"), "no OrderItems");
});
await step("query, queryMore", async () => {
  let page = await conn.query("SELECT Id FROM OrderItem", { autoFetch: false, headers: { "Sforce-Query-Options": "batchSize=200" } });
  const ids = page.records.map((row) => row.Id);
  while (!page.done) {
    page = await conn.queryMore(page.nextRecordsUrl);
    ids.push(...page.records.map((row) => row.Id));
  }
  expect(new Set(ids).size === page.totalSize && page.totalSize > 0, `${ids.length} of ${page.totalSize}`);
});
await step("query as a stream of records", async () => {
  const wanted = (await conn.query("SELECT COUNT() FROM Case")).totalSize;
  const rows = await conn.query("SELECT Id, Subject FROM Case").run({ autoFetch: true, maxFetch: 10_000 });
  expect(rows.records.length === wanted, `${rows.records.length} of ${wanted}`);
});
await step("find with conditions, sort, skip, include children", async () => {
  const rows = await conn
    .sobject("Account")
    .find({ Type: "Customer - Direct", CreatedDate: { $lt: jsforce.Date.toDateTimeLiteral("2030-01-01T00:00:00Z") } }, "Id, Name, CreatedDate")
    .sort({ CreatedDate: -1, Name: 1 })
    .limit(5)
    .skip(2)
    .include("Orders")
    .select("Id, Status")
    .end()
    .execute();
  expect(rows.length === 5 && rows[0].CreatedDate >= rows[4].CreatedDate, JSON.stringify(rows.map((row) => row.CreatedDate)));
  expect("Orders" in rows[0], "no children");
});
await step("count", async () => expect((await conn.sobject("Order").count({ Status: "Processed" })) > 0, "none"));
await step("GROUP BY, HAVING, aggregates", async () => {
  const answer = await conn.query(
    "SELECT Status, COUNT(Id), MAX(TotalAmount) most FROM Order GROUP BY Status HAVING COUNT(Id) > 0 ORDER BY COUNT(Id) DESC",
  );
  const every = (await conn.query("SELECT COUNT(Id) n FROM Order")).records[0].n;
  const summed = answer.records.reduce((sum, row) => sum + row.expr0, 0);
  expect(summed === every && answer.records[0].most >= 0, JSON.stringify(answer.records));
});
await step("date literals", () => conn.query("SELECT Id FROM Order WHERE CreatedDate = THIS_QUARTER OR EffectiveDate = LAST_N_MONTHS:6"));
await step("explain", async () => {
  const plan = await conn.query("SELECT Id FROM Account WHERE Name = 'x'").explain();
  expect(plan.plans[0].sobjectType === "Account", JSON.stringify(plan));
});
await step("limits", async () => {
  const { Max, Remaining } = (await conn.limits()).DailyApiRequests;
  expect(Max > Remaining && conn.limitInfo.apiUsage.used > 0, `${Max} ${Remaining}`);
});
await step("recent", async () => expect(Array.isArray(await conn.recent("Account")), "no list"));

// -- write ------------------------------------------------------------------------------------------------------------
const account = await step("create, retrieve, update", async () => {
  const { id, success } = await conn.sobject("Account").create({ Name: "jsforce" });
  expect(success, "no success");
  await conn.sobject("Account").update({ Id: id, Phone: "03-1234-5678" });
  expect((await conn.sobject("Account").retrieve(id)).Phone === "03-1234-5678", "not changed");
  return id;
});
await step("upsert by external id", async () => {
  const record = { Name: "keyed", SF_Account_No__c: "JSFORCE-1" };
  const first = await conn.sobject("Account").upsert(record, "SF_Account_No__c");
  const second = await conn.sobject("Account").upsert(record, "SF_Account_No__c");
  expect(first.id === second.id && first.created && !second.created, JSON.stringify([first, second]));
});
await step("collections: create, retrieve, update, upsert, delete", async () => {
  const made = await conn.sobject("Account").create([{ Name: "one" }, { Name: "two" }]);
  const ids = made.map((each) => each.id);
  await conn.sobject("Account").update(ids.map((Id, n) => ({ Id, Name: `renamed ${n}` })));
  const read = await conn.sobject("Account").retrieve(ids);
  expect(read[1].Name === "renamed 1", JSON.stringify(read));
  const keyed = ids.map((_, n) => ({ SF_Account_No__c: `MANY-${n}`, Name: "many" }));
  expect((await conn.sobject("Account").upsert(keyed, "SF_Account_No__c")).every((each) => each.success), "upsert");
  expect((await conn.sobject("Account").destroy(ids)).every((each) => each.success), "delete");
});
await step("collections: one refused, or all of them", async () => {
  const wrong = [{ Name: "good" }, {}];
  const some = await conn.sobject("Account").create(wrong);
  const none = await conn.sobject("Account").create(wrong, { allOrNone: true });
  expect(some[0].success && some[1].errors[0].statusCode === "REQUIRED_FIELD_MISSING", JSON.stringify(some));
  expect(none.every((each) => !each.success), JSON.stringify(none));
});
await step("updated, deleted", async () => {
  const { id } = await conn.sobject("Account").create({ Name: "gone" });
  await conn.sobject("Account").destroy(id);
  const [from, to] = [new Date(Date.now() - day), new Date(Date.now() + 120_000)];
  const updated = await conn.sobject("Account").updated(from, to);
  const deleted = await conn.sobject("Account").deleted(from, to);
  expect(updated.ids.includes(account), "updated");
  expect(deleted.deletedRecords.some((each) => each.id === id), "deleted");
});
await step("queryAll (scanAll) sees the deleted", async () => {
  const rows = await conn.query("SELECT Id FROM Account WHERE IsDeleted = true", { scanAll: true });
  expect(rows.totalSize > 0, "none");
});

// -- several at once --------------------------------------------------------------------------------------------------
const base = `/services/data/v${conn.version}`;
const post = (path, body) => conn.requestPost(`${base}/composite${path}`, body);
await step("composite", async () => {
  const made = { method: "POST", url: `${base}/sobjects/Contact`, referenceId: "c", body: { LastName: "Sato", AccountId: account } };
  const read = { method: "GET", url: `${base}/sobjects/Contact/@{c.id}`, referenceId: "r" };
  const answer = await post("", { allOrNone: true, compositeRequest: [made, read] });
  expect(answer.compositeResponse[1].body.LastName === "Sato", JSON.stringify(answer));
});
await step("composite graph", async () => {
  const node = { method: "POST", url: `${base}/sobjects/Account`, referenceId: "a", body: { Name: "graph" } };
  const bad = { method: "POST", url: `${base}/sobjects/Account`, referenceId: "b", body: {} };
  const graphs = [{ graphId: "1", compositeRequest: [node] }, { graphId: "2", compositeRequest: [node, bad] }];
  const answer = await post("/graph", { graphs });
  expect(answer.graphs[0].isSuccessful && !answer.graphs[1].isSuccessful, JSON.stringify(answer));
});
await step("composite batch", async () => {
  const answer = await post("/batch", { batchRequests: [{ method: "GET", url: `v${conn.version}/limits` }] });
  expect(!answer.hasErrors && answer.results[0].result.DailyApiRequests, JSON.stringify(answer));
});
await step("composite tree", async () => {
  const contact = { attributes: { type: "Contact", referenceId: "c1" }, LastName: "Mori" };
  const root = { attributes: { type: "Account", referenceId: "a1" }, Name: "tree", Contacts: { records: [contact] } };
  const answer = await post("/tree/Account", { records: [root] });
  expect(!answer.hasErrors && answer.results.length === 2, JSON.stringify(answer));
});

// -- bulk -------------------------------------------------------------------------------------------------------------
conn.bulk2.pollInterval = 20;
await step("bulk 2.0 query", async () => {
  const stream = await conn.bulk2.query("SELECT Id, Name FROM Account");
  const rows = await stream.toArray();
  expect(rows.length > 0 && rows[0].Id.startsWith("001"), JSON.stringify(rows[0]));
});
await step("bulk 2.0 ingest", async () => {
  const input = [{ Name: "bulk one" }, { Name: "bulk two" }, { Name: "x".repeat(300) }];
  const done = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "insert", input });
  expect(done.successfulResults.length === 2, JSON.stringify(done));
  expect(done.failedResults[0].sf__Error.startsWith("STRING_TOO_LONG"), JSON.stringify(done.failedResults));
});
await step("bulk 1 query", async () => {
  conn.bulk.pollInterval = 20;
  const stream = await conn.bulk.query("SELECT Id, Name FROM Account");
  const rows = await stream.toArray();
  expect(rows.length > 0 && rows[0].Id.startsWith("001"), JSON.stringify(rows[0]));
});

// -- refusals ---------------------------------------------------------------------------------------------------------
await step("what is wrong is refused by name", async () => {
  await refused("MALFORMED_QUERY", () => conn.query("SELECT Id FORM Account"));
  await refused("INVALID_FIELD", () => conn.query("SELECT Nope FROM Account"));
  await refused("INVALID_TYPE", () => conn.query("SELECT Id FROM Nothing"));
  await refused("REQUIRED_FIELD_MISSING", () => conn.sobject("Account").create({ Phone: "1" }));
  await refused("JSON_PARSER_ERROR", () => conn.sobject("Contact").create({ LastName: "x", Birthdate: new Date() }));
  await refused("INVALID_FIELD_FOR_INSERT_UPDATE", () => conn.sobject("Account").update({ Id: account, CreatedDate: "2024-01-01T00:00:00Z" }));
  await refused("NOT_FOUND", () => conn.sobject("Account").retrieve("001000000000000AAA"));
});
await step("delete", async () => {
  await conn.sobject("Account").destroy(account);
  await refused("ENTITY_IS_DELETED", () => conn.sobject("Account").retrieve(account));
});
await step("log out", async () => {
  const token = conn.accessToken;
  await conn.logout();
  const other = new jsforce.Connection({ instanceUrl: url, accessToken: token, version: "62.0" });
  await refused("INVALID_SESSION_ID", () => other.query("SELECT Id FROM Account"));
});
