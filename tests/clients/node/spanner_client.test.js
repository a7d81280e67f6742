// Google's client library for Node, as it is published, against the server:
// first its generated client, one RPC at a time, then the library as people
// use it. Each case has a server of its own.
'use strict';

const assert = require('node:assert');
const test = require('node:test');
const {setTimeout: sleep} = require('node:timers/promises');
const {v1} = require('@google-cloud/spanner');
// The library's own test of an error. It decides whether a pool replaces a
// session and whether a transaction is run again.
const {isSessionNotFoundError} = require('@google-cloud/spanner/build/src/session-pool');
const statusProtos = require('@google-cloud/spanner/build/protos/status.json');
const gax = require('google-gax');
const {withServer} = require('./server.js');
const {DATABASE, LOCAL, errorOf, withSpanner} = require('./spanner.js');

const NOT_FOUND = gax.Status.NOT_FOUND;
const LIMIT_MS = 10_000;
// Longer than every wait inside, so that those can say what they waited for.
const CASE = {timeout: 60_000};

// Runs `body` with a server and a generated client that calls it.
function withClient(flags, body) {
  return withServer(flags, async ({port}) => {
    const client = new v1.SpannerClient({
      ...LOCAL,
      servicePath: 'localhost',
      port,
      sslCreds: gax.grpc.credentials.createInsecure(),
    });
    try {
      await body(client);
    } finally {
      await client.close();
    }
  });
}

const callback = start =>
  new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });

const names = sessions => sessions.map(session => session.name);

function assertSessionName(name) {
  const parent = `${DATABASE}/sessions/`;
  assert.ok(name.startsWith(parent), name);
  assert.match(name.slice(parent.length), /^[A-Za-z0-9_-]+$/);
}

// The time is within the span in which it was asked for. Clients compare it
// with their own clock.
function assertFilled(time, from) {
  assert.ok(time, 'no time');
  const millis = Number(time.seconds) * 1000 + time.nanos / 1e6;
  assert.ok(from - 1 <= millis && millis <= Date.now() + 1, `${millis} is not since ${from}`);
  assert.strictEqual(time.nanos % 1000, 0, 'not whole microseconds');
}

test('CreateSession and GetSession', CASE, () =>
  withClient([], async client => {
    const from = Date.now();
    const [created] = await client.createSession({
      database: DATABASE,
      session: {labels: {env: 'prod', team: 'a-1'}, creatorRole: 'reader'},
    });
    const [got] = await client.getSession({name: created.name});

    assert.strictEqual(got.name, created.name);
    for (const session of [created, got]) {
      assertSessionName(session.name);
      assert.deepStrictEqual(session.labels, {env: 'prod', team: 'a-1'});
      assert.strictEqual(session.creatorRole, 'reader');
      assert.strictEqual(session.multiplexed, false);
      assertFilled(session.createTime, from);
      assertFilled(session.approximateLastUseTime, from);
    }
    assert.deepStrictEqual(got.createTime, created.createTime);
  }));

test('BatchCreateSessions', CASE, () =>
  withClient([], async client => {
    const from = Date.now();
    const [{session: sessions}] = await client.batchCreateSessions({
      database: DATABASE,
      sessionCount: 7,
      sessionTemplate: {labels: {env: 'prod'}, creatorRole: 'reader'},
    });

    assert.strictEqual(new Set(names(sessions)).size, 7);
    for (const session of sessions) {
      assertSessionName(session.name);
      assert.deepStrictEqual(session.labels, {env: 'prod'});
      assert.strictEqual(session.creatorRole, 'reader');
      assertFilled(session.createTime, from);
      assertFilled(session.approximateLastUseTime, from);
    }
  }));

test('ListSessions', CASE, () =>
  withClient([], async client => {
    const batch = async (database, sessionCount, labels) => {
      const request = {database, sessionCount, sessionTemplate: {labels}};
      return names((await client.batchCreateSessions(request))[0].session);
    };
    const prod = await batch(DATABASE, 3, {env: 'prod'});
    const rest = await batch(DATABASE, 4, {env: 'test'});
    await batch(`${DATABASE}-2`, 2, {env: 'prod'});
    const [multiplexed] = await client.createSession({
      database: DATABASE,
      session: {multiplexed: true},
    });
    assert.strictEqual(multiplexed.multiplexed, true);

    // The library walks the pages. One page by itself shows that there are some.
    const request = {database: DATABASE, pageSize: 2};
    const byPage = {autoPaginate: false};
    const [page, next] = await client.listSessions(request, byPage);
    assert.strictEqual(page.length, 2);
    assert.ok(next.pageToken);
    const list = async filter => {
      const listed = [];
      for await (const session of client.listSessionsAsync({...request, filter}, byPage)) {
        listed.push(session.name);
      }
      return listed.sort();
    };
    assert.deepStrictEqual(await list(''), [...prod, ...rest].sort());
    assert.deepStrictEqual(await list('labels.env:prod'), prod.sort());
  }));

test('DeleteSession', CASE, () =>
  withClient([], async client => {
    const [{name}] = await client.createSession({database: DATABASE});
    await client.deleteSession({name});
    assert.strictEqual((await errorOf(client.getSession({name}))).code, NOT_FOUND);
    const [left] = await client.listSessions({database: DATABASE});
    assert.deepStrictEqual(left, []);
    // Deleting twice is no error.
    await client.deleteSession({name});
  }));

test('the error of a lost session is the one that the library looks for', CASE, () =>
  withClient([], async client => {
    const name = `${DATABASE}/sessions/lost`;
    const error = await errorOf(client.getSession({name}));

    assert.strictEqual(error.code, NOT_FOUND);
    assert.strictEqual(error.details, `Session not found: ${name}`);
    assert.strictEqual(isSessionNotFoundError(error), true);

    const resource = {
      resourceType: 'type.googleapis.com/google.spanner.v1.Session',
      resourceName: name,
      description: 'Session does not exist.',
    };
    // What the library has made of grpc-status-details-bin …
    assert.deepStrictEqual(
      error.statusDetails.map(detail => detail.toJSON()),
      [resource],
    );
    // … and the trailer, read in the way in which the library reads RetryInfo.
    const trailers = error.metadata.get('google.rpc.resourceinfo-bin');
    assert.strictEqual(trailers.length, 1);
    const type = gax.protobuf.Root.fromJSON(statusProtos).lookupType('google.rpc.ResourceInfo');
    assert.deepStrictEqual(type.decode(trailers[0]).toJSON(), resource);
  }));

test('a session dies when it has been idle for too long', CASE, () => {
  // The system's clock runs here, and looking must not be a use: a session
  // that is polled would live for ever.
  const flags = ['--session_idle_ttl=300ms', '--get_session_counts_as_use=false'];
  return withClient(flags, async client => {
    const start = performance.now();
    const [{name}] = await client.createSession({database: DATABASE});
    let error;
    while (!error && performance.now() - start < LIMIT_MS) {
      await sleep(25);
      error = await client.getSession({name}).then(() => null, e => e);
    }
    const elapsed = performance.now() - start;

    assert.ok(error, `still alive after ${LIMIT_MS} ms`);
    assert.strictEqual(isSessionNotFoundError(error), true, String(error));
    assert.ok(elapsed > 300, `dead after ${elapsed} ms`);
    const [left] = await client.listSessions({database: DATABASE});
    assert.deepStrictEqual(left, []);
  });
});

test('a program that uses the library', CASE, () =>
  withSpanner({}, async database => {
    // The library has created this session by itself, when the database object
    // was made. Its own methods get it from here.
    const shared = await callback(done => database.sessionFactory_.getSession(done));
    const [sharedMetadata] = await shared.getMetadata();
    assert.strictEqual(sharedMetadata.multiplexed, true);
    assertSessionName(sharedMetadata.name);

    const [session] = await database.createSession({
      labels: {env: 'prod'},
      databaseRole: 'reader',
    });
    const [metadata] = await session.getMetadata();
    assert.strictEqual(metadata.name, session.formattedName_);
    assert.deepStrictEqual(metadata.labels, {env: 'prod'});
    assert.strictEqual(metadata.databaseRole, 'reader');

    const [batch] = await database.batchCreateSessions({count: 3, labels: {env: 'test'}});
    const ids = sessions => sessions.map(({id}) => id).sort();
    const [all] = await database.getSessions();
    assert.deepStrictEqual(ids(all), ids([session, ...batch]));
    const [filtered] = await database.getSessions({filter: 'labels.env:test'});
    assert.deepStrictEqual(ids(filtered), ids(batch));

    await session.delete();
    assert.strictEqual(isSessionNotFoundError(await errorOf(session.getMetadata())), true);
    await database.close();
  }));

test('a program that turns multiplexed sessions off', CASE, () =>
  withSpanner({GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS: 'false'}, async database => {
    // The pool fills in the background and deletes its sessions on close.
    const pool = database.pool_;
    const end = performance.now() + LIMIT_MS;
    while (pool.available < pool.options.min && performance.now() < end) await sleep(10);
    assert.strictEqual(pool.available, 25);
    assert.strictEqual((await database.getSessions())[0].length, 25);

    await database.close();
    assert.deepStrictEqual((await database.getSessions())[0], []);
  }));
