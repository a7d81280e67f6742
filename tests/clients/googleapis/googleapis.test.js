// Google's REST client library for Node, as it is published, against the
// server's REST side. The clock is moved by the control API, as a test in any
// language would do it. Each case has a server of its own.
'use strict';

const assert = require('node:assert');
const test = require('node:test');
// The one API of the package's hundreds that is asked for; loading all of them
// takes seconds.
const {spanner} = require('googleapis/build/src/apis/spanner');
const {withServer} = require('../node/server.js');

const DATABASE = 'projects/test-project/instances/test-instance/databases/test-database';
const CASE = {timeout: 60_000};

function withSessions(flags, body) {
  return withServer(flags, ({httpPort}) => {
    const rootUrl = `http://localhost:${httpPort}/`;
    // Without retries: an error is to be seen.
    const client = spanner({version: 'v1', rootUrl, retryConfig: {retry: 0}, retry: false});
    return body(client.projects.instances.databases.sessions, rootUrl);
  });
}

async function advance(rootUrl, duration) {
  const response = await fetch(`${rootUrl}emulator/v1/clock:advance`, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({duration}),
  });
  assert.strictEqual(response.status, 200, await response.text());
}

const errorOf = promise =>
  promise.then(() => assert.fail('the call succeeded'), error => error);

// As Google's own REST endpoint puts it.
function assertSessionNotFound(error, name) {
  assert.strictEqual(error.status, 404);
  assert.deepStrictEqual(error.response.data.error, {
    code: 404,
    message: `Session not found: ${name}`,
    status: 'NOT_FOUND',
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
        resourceType: 'type.googleapis.com/google.spanner.v1.Session',
        resourceName: name,
        description: 'Session does not exist.',
      },
    ],
  });
}

test('a session is created, got and deleted', CASE, () =>
  withSessions([], async sessions => {
    const {status, data: created} = await sessions.create({
      database: DATABASE,
      requestBody: {session: {labels: {env: 'test'}, creatorRole: 'reader'}},
    });
    assert.strictEqual(status, 200);
    assert.ok(created.name.startsWith(`${DATABASE}/sessions/`), created.name);
    assert.deepStrictEqual(created.labels, {env: 'test'});
    assert.strictEqual(created.creatorRole, 'reader');
    assert.match(created.createTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);

    const {data: got} = await sessions.get({name: created.name});
    assert.deepStrictEqual(
      {...got, approximateLastUseTime: created.approximateLastUseTime},
      created,
    );

    const {data: nothing} = await sessions.delete({name: created.name});
    assert.deepStrictEqual(nothing, {});
    assertSessionNotFound(await errorOf(sessions.get({name: created.name})), created.name);
  }),
);

test('an idle session is gone after an hour', CASE, () =>
  withSessions([], async (sessions, rootUrl) => {
    const {data: {name}} = await sessions.create({database: DATABASE});
    await advance(rootUrl, '3590s');
    await sessions.get({name});
    await advance(rootUrl, '3660s');
    assertSessionNotFound(await errorOf(sessions.get({name})), name);
  }),
);

test('a batch of sessions is listed page by page, and by label', CASE, () =>
  withSessions([], async sessions => {
    const {data: batch} = await sessions.batchCreate({
      database: DATABASE,
      requestBody: {sessionCount: 5, sessionTemplate: {labels: {pool: 'a'}}},
    });
    assert.strictEqual(batch.session.length, 5);
    await sessions.create({database: DATABASE, requestBody: {session: {labels: {pool: 'b'}}}});

    const seen = [];
    let pageToken;
    do {
      const {data} = await sessions.list({database: DATABASE, pageSize: 4, pageToken});
      assert.ok(data.sessions.length <= 4);
      seen.push(...data.sessions.map(({name}) => name));
      pageToken = data.nextPageToken;
    } while (pageToken);
    assert.strictEqual(new Set(seen).size, 6);

    const {data: chosen} = await sessions.list({database: DATABASE, filter: 'labels.pool:a'});
    assert.deepStrictEqual(
      chosen.sessions.map(({name}) => name),
      batch.session.map(({name}) => name),
    );
  }),
);

test('a multiplexed session is neither listed nor deleted', CASE, () =>
  withSessions([], async sessions => {
    const {data: session} = await sessions.create({
      database: DATABASE,
      requestBody: {session: {multiplexed: true}},
    });
    assert.strictEqual(session.multiplexed, true);
    const {data: list} = await sessions.list({database: DATABASE});
    assert.deepStrictEqual(list, {});
    const error = await errorOf(sessions.delete({name: session.name}));
    assert.strictEqual(error.status, 400);
    assert.match(error.message, /Multiplexed sessions may not be deleted\./);
  }),
);

test('a partial response holds what was asked for', CASE, () =>
  withSessions([], async sessions => {
    const {data} = await sessions.create({database: DATABASE, fields: 'name'});
    assert.deepStrictEqual(Object.keys(data), ['name']);
  }),
);

test('a bad request says which field is wrong', CASE, () =>
  withSessions([], async sessions => {
    const error = await errorOf(
      sessions.create({database: DATABASE, requestBody: {session: {labels: {Bad: 'x'}}}}),
    );
    assert.strictEqual(error.status, 400);
    assert.strictEqual(error.response.data.error.status, 'INVALID_ARGUMENT');
    assert.match(error.message, /^Invalid CreateSession request: session\.labels/);
  }),
);
