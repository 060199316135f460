// The walkthrough of docs/grpc.md with @grpc/grpc-js, which has the files.
//
// Takes the address of a service, and the address and password of an admin.

const assert = require("node:assert");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [target, email, password] = process.argv.slice(2);
const files = ["session_service", "token_service", "user_service"];
const definition = loader.loadSync(
  files.map((file) => `rollcall/v1/${file}.proto`),
  { includeDirs: [path.join(process.env.ROLLCALL_SOURCE, "proto")], keepCase: true, longs: Number, oneofs: true },
);
const { rollcall } = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const users = new rollcall.v1.UserService(target, credentials);
const sessions = new rollcall.v1.SessionService(target, credentials);
const tokens = new rollcall.v1.TokenService(target, credentials);

// Calls a method of one message each.
function call(service, method, request, metadata = new grpc.Metadata()) {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 30_000;
    service[method](request, metadata, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function refused(code, promise) {
  await assert.rejects(promise, (error) => error.code === code || assert.fail(`${error.code}: ${error.details}`));
}

async function main() {
  const wrong = { email, password: "something else" };
  await refused(grpc.status.UNAUTHENTICATED, call(sessions, "SignIn", wrong));
  const { signed_in: signedIn } = await call(sessions, "SignIn", { email, password });
  const bearer = new grpc.Metadata();
  bearer.set("authorization", `Bearer ${signedIn.access_token}`);

  const person = { email: "grpc-js@example.com", name: "Person" };
  const { user } = await call(users, "CreateUser", { user: person }, bearer);
  await refused(grpc.status.ALREADY_EXISTS, call(users, "CreateUser", { user: person }, bearer));
  const got = await call(users, "GetUser", { id: user.id }, bearer);
  assert.deepStrictEqual(got.user, user);
  const { active, subject } = await call(tokens, "IntrospectToken", { token: signedIn.access_token }, bearer);
  assert.deepStrictEqual([active, subject], [true, `user:${signedIn.user.id}`]);

  const done = await new Promise((resolve, reject) => {
    const stream = users.ImportUsers(bearer, (error, answer) => (error ? reject(error) : resolve(answer)));
    for (let number = 0; number < 50; number += 1) {
      stream.write({ user: { email: `grpc-js-${number}@example.com`, name: `Person ${number}` } });
    }
    stream.end();
  });
  assert.deepStrictEqual([done.received, done.created], [50, 50]);
  const exported = [];
  for await (const answer of users.ExportUsers({}, bearer)) exported.push(answer.user.id);
  assert(exported.length >= 51 && exported.includes(user.id));

  const batch = users.BatchUsers(bearer);
  const last = exported.slice(-5);
  batch.write({ key: last[0], delete: { id: last[0] } });
  let answered = 0;
  for await (const answer of batch) {
    assert.deepStrictEqual([answer.key, answer.result], [last[answered], "deleted"]);
    answered += 1;
    if (answered < last.length) batch.write({ key: last[answered], delete: { id: last[answered] } });
    else batch.end();
  }
  assert.strictEqual(answered, last.length);

  const kinds = [];
  const watch = users.WatchUsers({}, bearer);
  // Cancelling is the only error that may come once the change was seen.
  watch.on("error", (error) => assert(kinds.length > 0, error));
  for await (const answer of watch) {
    if (!answer.change) {
      await call(users, "DeleteUser", { id: user.id }, bearer);
    } else {
      kinds.push(`${answer.change.kind} of ${answer.change.user_id}`);
      break;
    }
  }
  watch.cancel();
  assert.deepStrictEqual(kinds, [`user.deleted of ${user.id}`]);
  await refused(grpc.status.NOT_FOUND, call(users, "GetUser", { id: user.id }, bearer));

  await call(sessions, "SignOut", {}, bearer);
  await refused(grpc.status.UNAUTHENTICATED, call(users, "ListUsers", {}, bearer));
  console.log("walked through");
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
