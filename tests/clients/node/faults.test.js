// Google's client library for Node, as people use it, when things go wrong: what
// it does then, and what the journal has of it. Each case has a server of its
// own.
'use strict';

const assert = require('node:assert');
const {once} = require('node:events');
const {mock} = require('node:test');
const {MutationSet} = require('@google-cloud/spanner');
// The library's own test of an error, and what it does with a header.
const {isSessionNotFoundError} = require('@google-cloud/spanner/build/src/session-pool');
const {MetricsTracer} = require('@google-cloud/spanner/build/src/metrics/metrics-tracer');
const {
  MetricsTracerFactory,
} = require('@google-cloud/spanner/build/src/metrics/metrics-tracer-factory');
const {Status, grpc} = require('google-gax');
const {
  REGULAR,
  callback,
  forBothKinds,
  fromStream,
  gaxOptions,
  ids,
  withDatabase,
} = require('./cases.js');
const {DATABASE, errorOf} = require('./spanner.js');

const SELECT = 'SELECT Id FROM Singers';
const UPDATE = "UPDATE Singers SET Name = 'Bo' WHERE Id = 2";
// Each row in a message of its own.
const SINGERS = {
  columns: ['Id INT64'],
  rows: [[1], [2], [3], [4]],
  chunking: {rowsPerMessage: 1},
};
const ALL = [1, 2, 3, 4];

// A database beside that of the case: one that is not used before the faults are
// there.
const OTHER = DATABASE.replace('test-database', 'other-database');
const OF_OTHER = `database = "${OTHER}"`;

const statuses = entries => entries.map(({status}) => status);
const sessions = entries => entries.map(({session}) => session);
const messageCounts = entries => entries.map(({messageCount = 0}) => Number(messageCount));
// Without repetitions.
const distinct = values => [...new Set(values)];
// The names of the faults that each call was hit by.
const faultsOf = entries => entries.map(({faults = []}) => faults);

// In milliseconds.
const started = ({realStartTime}) => Date.parse(realStartTime);

async function insert(database) {
  const [{commitTimestamp}] = await database.table('Singers').insert({Id: 1});
  assert.ok(commitTimestamp);
  return `${commitTimestamp.seconds}.${commitTimestamp.nanos}`;
}

// Mutations that are committed by one call, without a transaction before it.
async function write(database, options) {
  const mutations = new MutationSet();
  mutations.insert('Singers', {Id: 1});
  const [{commitTimestamp}] = await database.writeAtLeastOnce(mutations, options);
  assert.ok(commitTimestamp);
}

// Ends within the limit of the case, as all that goes on forever here.
const inTime = () => ({signal: AbortSignal.timeout(10_000)});

// ---- Broken streams

const READERS = [
  ['query', 'ExecuteStreamingSql', database => database.run({sql: SELECT, gaxOptions})],
  ['read', 'StreamingRead', database =>
    database.table('Singers').read({columns: ['Id'], keys: ['1'], gaxOptions})],
  ['query of a snapshot', 'ExecuteStreamingSql', async database => {
    const [snapshot] = await database.getSnapshot();
    const result = await snapshot.run({sql: SELECT, gaxOptions});
    snapshot.end();
    return result;
  }],
  ['query of a transaction', 'ExecuteStreamingSql', database =>
    database.runTransactionAsync(async transaction => {
      const result = await transaction.run({sql: SELECT, gaxOptions});
      await transaction.commit();
      return result;
    })],
];

for (const [name, method, read] of READERS) {
  forBothKinds(`the stream of a ${name} that breaks is resumed`, async (database, control) => {
    await control.stub({sql: SELECT}, SINGERS);
    await control.stub({read: {table: 'Singers'}}, SINGERS);
    const fault = await control.addFault([method], {
      times: 1,
      afterMessages: 2,
      status: 'UNAVAILABLE',
    });
    const [rows] = await read(database);
    assert.deepStrictEqual(ids(rows), ALL);

    const calls = await control.calls(method, 2);
    assert.deepStrictEqual(statuses(calls), ['UNAVAILABLE', 'OK']);
    assert.deepStrictEqual(faultsOf(calls), [[fault.name], []]);
    // The rest is sent, and nothing twice.
    assert.deepStrictEqual(messageCounts(calls), [2, 2]);
    const [first, second] = calls.map(({request}) => request);
    assert.strictEqual(first.resumeToken, undefined);
    assert.ok(second.resumeToken);
    assert.strictEqual(second.session, first.session);
    assert.strictEqual(second.sql, first.sql);
    assert.deepStrictEqual(second.keySet, first.keySet);
    // The client says that this is the second attempt at the same request.
    const [firstId, secondId] = calls.map(({headers}) => headers['x-goog-spanner-request-id']);
    assert.match(firstId, /\.1$/);
    assert.strictEqual(secondId, firstId.replace(/\.1$/, '.2'));
  });
}

withDatabase('a stream that breaks again and again is resumed', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  // One for each call, in this order.
  for (const afterMessages of [1, 0, 2]) {
    await control.addFault(['ExecuteStreamingSql'], {
      times: 1,
      when: 'AFTER',
      afterMessages,
      status: 'UNAVAILABLE',
    });
  }
  const rows = await fromStream(database.runStream({sql: SELECT, gaxOptions}));
  assert.deepStrictEqual(ids(rows), ALL);

  const calls = await control.calls('ExecuteStreamingSql', 4);
  assert.deepStrictEqual(messageCounts(calls), [1, 0, 2, 1]);
  assert.deepStrictEqual(statuses(calls), [...Array(3).fill('UNAVAILABLE'), 'OK']);
  const tokens = calls.map(({request}) => request.resumeToken);
  assert.strictEqual(tokens[0], undefined);
  assert.strictEqual(tokens[2], tokens[1]);
  assert.strictEqual(new Set(tokens).size, 3);
});

withDatabase('a stream that breaks for good is not resumed', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.addFault(['ExecuteStreamingSql'], {
    afterMessages: 3,
    error: {code: 'DATA_LOSS', message: 'the rest is lost'},
  });
  const rows = [];
  const error = await errorOf(
    (async () => {
      for await (const row of database.runStream(SELECT)) rows.push(row);
    })(),
  );
  assert.strictEqual(error.code, Status.DATA_LOSS, String(error));
  assert.strictEqual(error.details, 'the rest is lost');
  assert.deepStrictEqual(ids(rows), [1, 2, 3]);

  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assert.strictEqual(call.status, 'DATA_LOSS');
  assert.strictEqual(call.error.message, 'the rest is lost');
  assert.strictEqual(call.messageCount, '3');
});

// ---- Aborted commits

forBothKinds('a commit that is aborted twice is retried with the given delay',
  async (database, control) => {
    const DELAY_MS = 123;
    await control.stub({sql: UPDATE}, {rowCount: 1});
    const fault = await control.addFault(['Commit'], {
      times: 2,
      status: 'ABORTED',
      retryDelay: `${DELAY_MS / 1000}s`,
    });
    const timers = mock.method(globalThis, 'setTimeout');
    let attempts = 0;
    try {
      await database.runTransactionAsync(async transaction => {
        ++attempts;
        await transaction.runUpdate(UPDATE);
        await transaction.commit();
      });
    } finally {
      timers.mock.restore();
    }
    assert.strictEqual(attempts, 3);
    const waits = timers.mock.calls.filter(({arguments: [, delay]}) => delay === DELAY_MS);
    assert.strictEqual(waits.length, 2);

    const commits = await control.calls('Commit', 3);
    assert.deepStrictEqual(statuses(commits), ['ABORTED', 'ABORTED', 'OK']);
    assert.deepStrictEqual(faultsOf(commits), [[fault.name], [fault.name], []]);
    const [{'@type': type, retryDelay}] = commits[0].error.details;
    assert.strictEqual(type, 'type.googleapis.com/google.rpc.RetryInfo');
    assert.strictEqual(retryDelay, '0.123s');
    // Each attempt is a new transaction in the same session.
    assert.strictEqual(new Set(commits.map(({request}) => request.transactionId)).size, 3);
    assert.strictEqual(new Set(sessions(commits)).size, 1);
    // The client has waited. Its timers, and these times, are cut to milliseconds.
    for (const i of [1, 2]) {
      const waited = started(commits[i]) - started(commits[i - 1]);
      assert.ok(waited >= DELAY_MS - 2, `${waited} ms`);
    }
  });

withDatabase('a retry names the transaction before it', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await control.addFault(['Commit'], {times: 2, status: 'ABORTED', retryDelay: '0.001s'});
  await database.runTransactionAsync(async transaction => {
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
  });
  // The first attempt has begun with its statement.
  const commits = await control.calls('Commit', 3);
  const begins = await control.calls('BeginTransaction', 2);
  assert.deepStrictEqual(
    begins.map(({request}) => request.options.readWrite.multiplexedSessionPreviousTransactionId),
    commits.slice(0, 2).map(({request}) => request.transactionId),
  );
});

forBothKinds('transactions that others abort are run again', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  let attempts = 0;
  await database.runTransactionAsync(async transaction => {
    await transaction.run(SELECT);
    if (++attempts === 1) assert.strictEqual(await control.abortTransactions(), 1);
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
  });
  assert.strictEqual(attempts, 2);
  assert.strictEqual(await control.abortTransactions(), 0);

  const updates = await control.calls('ExecuteStreamingSql', 2, `sql = "${UPDATE}"`);
  assert.deepStrictEqual(statuses(updates), ['ABORTED', 'OK']);
  assert.deepStrictEqual(faultsOf(updates), [[], []]);
  assert.deepStrictEqual(statuses(await control.calls('Commit', 1)), ['OK']);
});

withDatabase('the same calls are aborted by chance again', async (database, control) => {
  const COUNT = 20;
  const run = async seed => {
    await control.seedFaults(seed);
    const fault = await control.addFault(['Commit'], {
      name: 'faults/unlucky',
      match: {probability: 0.3},
      status: 'ABORTED',
      retryDelay: '0.001s',
    });
    const before = (await control.journal('method = Commit')).length;
    for (let i = 0; i < COUNT; ++i) await insert(database);
    const hits = await control.hits(fault);
    await control.deleteFault(fault);
    const commits = (await control.calls('Commit', before + COUNT + hits)).slice(before);
    assert.strictEqual(faultsOf(commits).flat().length, hits);
    return statuses(commits).join();
  };
  const first = await run(7);
  assert.ok(first.includes('ABORTED'), first);
  assert.strictEqual(await run(7), first);
  assert.notStrictEqual(await run(8), first);
}, REGULAR);

withDatabase('a commit that wants a newer token is sent again', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const fault = await control.addFault(['Commit'], {times: 1, askForCommitRetry: true});
  let attempts = 0;
  await database.runTransactionAsync(async transaction => {
    ++attempts;
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
  assert.strictEqual(attempts, 1);

  const commits = await control.calls('Commit', 2);
  assert.deepStrictEqual(statuses(commits), ['OK', 'OK']);
  assert.deepStrictEqual(faultsOf(commits), [[fault.name], []]);
  const [first, second] = commits.map(({request}) => request);
  assert.strictEqual(second.transactionId, first.transactionId);
  assert.ok(second.precommitToken.seqNum > first.precommitToken.seqNum);
});

// ---- Lost sessions

const LOST = {times: 1, status: 'SESSION_NOT_FOUND'};

withDatabase('a session that is lost on the first message of a stream is replaced',
  async (database, control) => {
    const stub = await control.stub({sql: SELECT}, SINGERS);
    for (const [when, answered] of [['BEFORE', undefined], ['AFTER', [stub.name]]]) {
      const fault = await control.addFault(['ExecuteStreamingSql'], {...LOST, when});
      const [rows] = await database.run(SELECT);
      assert.deepStrictEqual(ids(rows), ALL);

      const calls = (await control.journal('method = ExecuteStreamingSql')).slice(-2);
      assert.deepStrictEqual(statuses(calls), ['NOT_FOUND', 'OK']);
      assert.deepStrictEqual(faultsOf(calls), [[fault.name], []]);
      assert.deepStrictEqual(calls.map(({stubs}) => stubs), [answered, [stub.name]]);
      assert.deepStrictEqual(messageCounts(calls), [0, 4]);
      assert.notStrictEqual(calls[1].session, calls[0].session);
      assert.strictEqual(calls[0].error.message, `Session not found: ${calls[0].session}`);
      assert.strictEqual(calls[1].request.resumeToken, undefined);
      // The pool has 24 others, and does not use it any more.
      const {number, session} = calls[0];
      await Promise.all([...Array(24)].map(() => database.run(SELECT)));
      const later = `session = "${session}" AND number > ${number}`;
      assert.deepStrictEqual(await control.journal(later), []);
    }
  }, REGULAR);

withDatabase('a session that is lost at a read', async (database, control) => {
  await control.stub({read: {table: 'Singers'}}, SINGERS);
  const read = () => database.table('Singers').read({columns: ['Id'], keys: ['1']});
  // A read begins with a transaction. When that fails, the session is replaced;
  // later, the error is the user's.
  await control.addFault(['BeginTransaction'], LOST);
  assert.deepStrictEqual(ids((await read())[0]), ALL);
  await control.addFault(['StreamingRead'], LOST);
  const error = await errorOf(read());
  assert.ok(isSessionNotFoundError(error), String(error));

  const begins = await control.calls('BeginTransaction', 3);
  assert.deepStrictEqual(statuses(begins), ['NOT_FOUND', 'OK', 'OK']);
  assert.notStrictEqual(begins[1].session, begins[0].session);
  const reads = await control.calls('StreamingRead', 2);
  assert.deepStrictEqual(statuses(reads), ['OK', 'NOT_FOUND']);
  assert.deepStrictEqual(sessions(reads), sessions(begins.slice(1)));
}, REGULAR);

withDatabase('a multiplexed session that is lost on the first message of a stream',
  async (database, control) => {
    await control.stub({sql: SELECT}, SINGERS);
    await control.addFault(['ExecuteStreamingSql'], LOST);
    // The library has no other, and says so; it goes on with the same.
    const error = await errorOf(database.run(SELECT));
    assert.ok(isSessionNotFoundError(error), String(error));
    assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);

    const calls = await control.calls('ExecuteStreamingSql', 2);
    assert.deepStrictEqual(statuses(calls), ['NOT_FOUND', 'OK']);
    assert.strictEqual(calls[1].session, calls[0].session);
    assert.strictEqual(error.details, `Session not found: ${calls[0].session}`);
    assert.strictEqual((await control.calls('CreateSession', 1))[0].status, 'OK');
  });

forBothKinds('a session that is lost in the middle of a stream', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.addFault(['ExecuteStreamingSql'], {...LOST, afterMessages: 2});
  // What the user has got cannot be taken back.
  const rows = [];
  const error = await errorOf(
    (async () => {
      for await (const row of database.runStream(SELECT)) rows.push(row);
    })(),
  );
  assert.ok(isSessionNotFoundError(error), String(error));
  assert.deepStrictEqual(ids(rows), [1, 2]);

  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assert.strictEqual(call.status, 'NOT_FOUND');
  assert.strictEqual(call.messageCount, '2');
});

forBothKinds('a transaction whose session is lost at its commit', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await control.addFault(['Commit'], LOST);
  let attempts = 0;
  await database.runTransactionAsync(async transaction => {
    ++attempts;
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
  });
  assert.strictEqual(attempts, 2);

  // Regular sessions are replaced; the multiplexed one is taken again.
  const commits = await control.calls('Commit', 2);
  assert.deepStrictEqual(statuses(commits), ['NOT_FOUND', 'OK']);
  const count = database.sessionFactory_.isMultiplexedEnabled() ? 1 : 2;
  assert.strictEqual(new Set(sessions(commits)).size, count);
});

withDatabase('a fault for one session', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await database.run(SELECT);
  const [{session}] = await control.calls('ExecuteStreamingSql', 1);
  const fault = await control.addFault([], {
    match: {session, sessionKind: 'REGULAR'},
    status: 'SESSION_NOT_FOUND',
  });
  // The pool gives it out first, and then never again.
  assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);
  assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);
  assert.strictEqual(await control.hits(fault), 1);

  const calls = await control.calls('ExecuteStreamingSql', 4);
  assert.deepStrictEqual(statuses(calls), ['OK', 'NOT_FOUND', 'OK', 'OK']);
  assert.deepStrictEqual(sessions(calls).map(name => name === session), [true, true, false, false]);
}, REGULAR);

// ---- Lost replies

// The client cancels a call whose deadline has passed; what the server sees
// first is chance.
const assertGivenUp = (call, fault) => {
  assert.match(call.status, /^(CANCELLED|DEADLINE_EXCEEDED)$/);
  assert.deepStrictEqual(call.faults, [fault.name]);
};

// A stream that has failed before anything came is sent again by a layer below
// the library, whatever the error, up to two times, unless this says otherwise.
const SHORT = {timeout: 1_000, retryRequestOptions: {noResponseRetries: 0}};

forBothKinds('a query whose reply is swallowed fails at its deadline', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {times: 1, swallow: true});
  const error = await errorOf(database.run({sql: SELECT, gaxOptions: SHORT}));
  assert.strictEqual(error.code, Status.DEADLINE_EXCEEDED, String(error));

  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assertGivenUp(call, fault);
  assert.strictEqual(call.messageCount ?? '0', '0');
  await control.held(fault, 0);
  assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);
});

forBothKinds('a query whose reply is swallowed once is sent again', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {times: 1, swallow: true});
  const [rows] = await database.run({sql: SELECT, gaxOptions: {timeout: 2_000}});
  assert.deepStrictEqual(ids(rows), ALL);

  const calls = await control.calls('ExecuteStreamingSql', 2);
  assertGivenUp(calls[0], fault);
  assert.strictEqual(calls[1].status, 'OK');
  assert.deepStrictEqual(calls[1].request, calls[0].request);
});

withDatabase('a stream whose rest is swallowed', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {
    times: 1,
    afterMessages: 2,
    swallow: true,
  });
  const rows = [];
  const error = await errorOf(
    (async () => {
      const stream = database.runStream({sql: SELECT, gaxOptions: {timeout: 2_000}});
      for await (const row of stream) rows.push(row);
    })(),
  );
  assert.strictEqual(error.code, Status.DEADLINE_EXCEEDED, String(error));
  assert.deepStrictEqual(ids(rows), [1, 2]);
  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assertGivenUp(call, fault);
  assert.strictEqual(call.messageCount, '2');
});

forBothKinds('a commit whose reply is swallowed has happened', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const fault = await control.addFault(['Commit'], {times: 1, when: 'AFTER', swallow: true});
  await database.runTransactionAsync(async transaction => {
    await transaction.runUpdate(UPDATE);
    const error = await errorOf(transaction.commit(SHORT));
    assert.strictEqual(error.code, Status.DEADLINE_EXCEEDED, String(error));
    const after = await errorOf(transaction.runUpdate(UPDATE));
    assert.strictEqual(after.code, Status.FAILED_PRECONDITION, String(after));
    // As a user does who knows that this is safe.
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
  const commits = await control.calls('Commit', 2);
  assertGivenUp(commits[0], fault);
  assert.strictEqual(commits[1].status, 'OK');
  assert.strictEqual(commits[1].request.transactionId, commits[0].request.transactionId);
});

withDatabase('a deadline that is exceeded at once', async (database, control) => {
  const fault = await control.addFault(['Commit'], {times: 1, status: 'DEADLINE_EXCEEDED'});
  const error = await errorOf(write(database));
  assert.strictEqual(error.code, Status.DEADLINE_EXCEEDED, String(error));
  const commits = await control.calls('Commit', 1);
  assert.deepStrictEqual(statuses(commits), ['DEADLINE_EXCEEDED']);
  assert.deepStrictEqual(faultsOf(commits), [[fault.name]]);
});

// ---- The pool

async function available(pool, count) {
  while (pool.available < count) await once(pool, 'available', inTime());
  assert.strictEqual(pool.available, count);
}

const countsOf = entries => entries.map(({request}) => request.sessionCount);

withDatabase('a pool that gets its sessions in small batches', async (database, control) => {
  await control.limitSessions({maxSessionsPerBatch: 3});
  const other = database.parent.database(OTHER, {min: 7, max: 10});
  await available(other.pool_, 7);

  const batches = await control.calls('BatchCreateSessions', 3, OF_OTHER);
  assert.deepStrictEqual(statuses(batches), ['OK', 'OK', 'OK']);
  // What is left of seven after three, and after six.
  assert.deepStrictEqual(countsOf(batches), [7, 4, 1]);
  await other.close();
  const deleted = await control.calls('DeleteSession', 7, OF_OTHER);
  assert.strictEqual(new Set(sessions(deleted)).size, 7);
}, REGULAR);

withDatabase('a pool that there is no room for', async (database, control) => {
  // Nothing else creates sessions now.
  await available(database.pool_, 25);
  const other = database.parent.database(OTHER, {min: 0, max: 6, incStep: 6});
  await callback(done => other.sessionFactory_.multiplexedSession_.getSession(done));
  const {total} = await control.sessionCounts();
  await control.limitSessions({maxSessions: Number(total.alive) + 4});

  await control.stub({sql: SELECT}, SINGERS);
  const frozen = await control.addFault(['ExecuteStreamingSql'], {freeze: true});
  const runs = [...Array(6)].map(() => other.run(SELECT));
  await control.held(frozen, 4);
  const ofPool = `method = BatchCreateSessions AND ${OF_OTHER}`;
  await control.waitFor(`${ofPool} AND status = RESOURCE_EXHAUSTED`);
  await control.limitSessions({maxSessions: Number(total.alive) + 6});
  await control.held(frozen, 6);
  await control.deleteFault(frozen);
  for (const [rows] of await Promise.all(runs)) assert.deepStrictEqual(ids(rows), ALL);

  const batches = await control.journal(ofPool);
  const refused = Array(batches.length - 2).fill('RESOURCE_EXHAUSTED');
  assert.deepStrictEqual(statuses(batches), ['OK', ...refused, 'OK']);
  assert.deepStrictEqual(countsOf(batches), [6, ...refused.map(() => 2), 2]);
  await other.close();
}, REGULAR);

// ---- UNAVAILABLE

withDatabase('a pool is filled although its calls are UNAVAILABLE', async (database, control) => {
  const fault = await control.addFault(['BatchCreateSessions'], {
    match: {scope: OTHER},
    times: 2,
    status: 'UNAVAILABLE',
  });
  const other = database.parent.database(OTHER, {min: 7});
  await available(other.pool_, 7);
  await other.close();

  const batches = await control.calls('BatchCreateSessions', 3, OF_OTHER);
  assert.deepStrictEqual(statuses(batches), ['UNAVAILABLE', 'UNAVAILABLE', 'OK']);
  assert.deepStrictEqual(faultsOf(batches), [[fault.name], [fault.name], []]);
  assert.deepStrictEqual(countsOf(batches), [7, 7, 7]);
}, REGULAR);

forBothKinds('unary calls that are UNAVAILABLE are sent again', async (database, control) => {
  const methods = ['CreateSession', 'BeginTransaction', 'ExecuteBatchDml', 'Commit'];
  const faults = {};
  for (const method of methods) {
    faults[method] = await control.addFault([method], {
      match: {scope: OTHER},
      times: 2,
      status: 'UNAVAILABLE',
    });
  }
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const other = database.parent.database(OTHER);
  await callback(done => other.sessionFactory_.multiplexedSession_.getSession(done));
  const [snapshot] = await other.getSnapshot();
  snapshot.end();
  let attempts = 0;
  await other.runTransactionAsync(async transaction => {
    ++attempts;
    const [counts] = await transaction.batchUpdate([UPDATE]);
    assert.deepStrictEqual(counts, [1]);
    await transaction.commit();
  });
  assert.strictEqual(attempts, 1);
  await other.close();

  for (const method of methods) {
    const calls = await control.calls(method, 3, OF_OTHER);
    assert.deepStrictEqual(statuses(calls), ['UNAVAILABLE', 'UNAVAILABLE', 'OK'], method);
    assert.deepStrictEqual(faultsOf(calls), [[faults[method].name], [faults[method].name], []]);
    assert.deepStrictEqual(calls[2].request, calls[0].request);
  }
});

forBothKinds('streams that are UNAVAILABLE at once are sent again', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({read: {table: 'Singers'}}, SINGERS);
  for (const [, method, read] of READERS.slice(0, 2)) {
    const fault = await control.addFault([method], {times: 2, status: 'UNAVAILABLE'});
    const [rows] = await read(database);
    assert.deepStrictEqual(ids(rows), ALL);
    const calls = await control.calls(method, 3);
    assert.deepStrictEqual(statuses(calls), ['UNAVAILABLE', 'UNAVAILABLE', 'OK']);
    assert.deepStrictEqual(faultsOf(calls), [[fault.name], [fault.name], []]);
    assert.deepStrictEqual(calls[2].request, calls[0].request);
  }
});

withDatabase('one fault after the other, each for one call', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const names = [];
  for (const fault of [
    {status: 'ABORTED'},
    {status: 'UNAVAILABLE'},
    {status: 'SESSION_NOT_FOUND'},
    {status: 'RESOURCE_EXHAUSTED'},
    {status: 'ABORTED', when: 'AFTER'},
  ]) {
    names.push((await control.addFault(['Commit'], {times: 1, ...fault})).name);
  }
  await database.runTransactionAsync(async transaction => {
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
  });
  const commits = await control.calls('Commit', 6);
  assert.deepStrictEqual(
    statuses(commits),
    ['ABORTED', 'UNAVAILABLE', 'NOT_FOUND', 'RESOURCE_EXHAUSTED', 'ABORTED', 'OK'],
  );
  assert.deepStrictEqual(faultsOf(commits), [...names.map(name => [name]), []]);
}, REGULAR);

forBothKinds('errors that the library leaves to its user', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  for (const [status, code, message] of [
    ['PERMISSION_DENIED', Status.PERMISSION_DENIED, /permission/],
    ['DATABASE_NOT_FOUND', Status.NOT_FOUND, new RegExp(`Database not found: ${DATABASE}`)],
    ['RESOURCE_EXHAUSTED', Status.RESOURCE_EXHAUSTED, /./],
  ]) {
    // It stays until it is deleted.
    const fault = await control.addFault(['ExecuteStreamingSql'], {match: {sql: SELECT}, status});
    for (let i = 0; i < 3; ++i) {
      const error = await errorOf(database.run(SELECT));
      assert.strictEqual(error.code, code, String(error));
      assert.match(error.details, message);
    }
    await database.run('SELECT 1');
    await control.deleteFault(fault);
    assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);
    const calls = await control.journal(`fault = "${fault.name}"`);
    assert.deepStrictEqual(statuses(calls), Array(3).fill(Status[code]));
  }
});

// ---- Cut connections

forBothKinds('a commit whose connection is cut is sent again', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  for (const when of ['BEFORE', 'AFTER']) {
    const fault = await control.addFault(['Commit'], {times: 1, when, cutConnection: true});
    const time = await database.runTransactionAsync(async transaction => {
      await transaction.runUpdate(UPDATE);
      await transaction.commit();
      return transaction.commitTimestamp;
    });
    assert.ok(time);

    await control.waitFor(`method = Commit AND fault = "${fault.name}"`);
    const commits = (await control.journal('method = Commit')).slice(-2);
    assert.deepStrictEqual(faultsOf(commits), [[fault.name], []]);
    assert.deepStrictEqual(statuses(commits), ['UNAVAILABLE', 'OK']);
    assert.strictEqual(commits[1].request.transactionId, commits[0].request.transactionId);
    // By a connection of its own.
    assert.notStrictEqual(commits[1].peer, commits[0].peer);
  }
});

forBothKinds('a stream whose connection is cut is resumed', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  for (const afterMessages of [0, 1, 2]) {
    const fault = await control.addFault(['ExecuteStreamingSql'], {
      times: 1,
      when: 'AFTER',
      afterMessages,
      cutConnection: true,
    });
    const [rows] = await database.run({sql: SELECT, gaxOptions});
    assert.deepStrictEqual(ids(rows), ALL);

    await control.waitFor(`fault = "${fault.name}"`);
    const calls = (await control.journal('method = ExecuteStreamingSql')).slice(-2);
    assert.deepStrictEqual(faultsOf(calls), [[fault.name], []]);
    assert.deepStrictEqual(statuses(calls), ['UNAVAILABLE', 'OK']);
    assert.deepStrictEqual(messageCounts(calls)[0], afterMessages);
    assert.notStrictEqual(calls[1].peer, calls[0].peer);
  }
});

withDatabase('a cut hits all calls of the connection', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const frozen = await control.addFault(['ExecuteStreamingSql'], {
    match: {sql: SELECT},
    times: 5,
    freeze: true,
  });
  const runs = [...Array(5)].map(() => database.run({sql: SELECT, gaxOptions}));
  await control.held(frozen, 5);
  await control.addFault(['Commit'], {times: 1, cutConnection: true});
  await insert(database);
  for (const [rows] of await Promise.all(runs)) assert.deepStrictEqual(ids(rows), ALL);

  const calls = await control.calls('ExecuteStreamingSql', 10);
  assert.deepStrictEqual(faultsOf(calls), [...Array(5).fill([frozen.name]), ...Array(5).fill([])]);
  assert.deepStrictEqual(statuses(calls), [...Array(5).fill('CANCELLED'), ...Array(5).fill('OK')]);
  assert.strictEqual(new Set(calls.map(({peer}) => peer)).size, 2);
  await control.held(frozen, 0);
});

// ---- Frozen calls

forBothKinds('frozen calls go on when they are released', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {freeze: true});
  let done = 0;
  const run = () =>
    database.run(SELECT).then(([rows]) => {
      ++done;
      return ids(rows);
    });
  const runs = [run(), run(), run()];
  await control.held(fault, 3);
  assert.strictEqual(done, 0);
  const open = await control.journal(`fault = "${fault.name}" AND state = OPEN`);
  assert.deepStrictEqual(statuses(open), [undefined, undefined, undefined]);
  assert.deepStrictEqual(open.map(({request}) => request.sql), [SELECT, SELECT, SELECT]);

  assert.strictEqual(await control.release(fault), 3);
  assert.deepStrictEqual(await Promise.all(runs), [ALL, ALL, ALL]);

  // It freezes the next one as well, until it is deleted.
  const last = run();
  await control.held(fault, 1);
  assert.strictEqual(done, 3);
  await control.deleteFault(fault);
  assert.deepStrictEqual(await last, ALL);
  const calls = await control.calls('ExecuteStreamingSql', 4);
  assert.deepStrictEqual(statuses(calls), Array(4).fill('OK'));
  assert.deepStrictEqual(faultsOf(calls), Array(4).fill([fault.name]));
});

withDatabase('a server that is frozen altogether', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  // The library has its session now.
  await database.run(SELECT);
  const fault = await control.addFault([], {freeze: true});
  const other = database.parent.database(OTHER);
  const runs = [database.run(SELECT), other.run(SELECT), insert(database)];
  // The query of one database, the session of the other, and the beginning of a
  // transaction.
  await control.held(fault, 3);
  const open = await control.journal(`fault = "${fault.name}" AND state = OPEN`);
  assert.deepStrictEqual(
    open.map(({method}) => method.split('.').at(-1)).sort(),
    ['BeginTransaction', 'CreateSession', 'ExecuteStreamingSql'],
  );
  await control.deleteFault(fault);
  const [[rows], [others]] = await Promise.all(runs);
  assert.deepStrictEqual(ids(rows), ALL);
  assert.deepStrictEqual(ids(others), ALL);
  await other.close();
});

withDatabase('a stream that is frozen after some rows', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {afterMessages: 2, freeze: true});
  const stream = database.runStream(SELECT)[Symbol.asyncIterator]();
  const next = async () => (await stream.next()).value?.toJSON().Id;
  // These come although the call is held.
  assert.strictEqual(await next(), 1);
  assert.strictEqual(await next(), 2);
  await control.held(fault, 1);
  assert.strictEqual(await control.release(fault), 1);
  assert.strictEqual(await next(), 3);
  assert.strictEqual(await next(), 4);
  assert.strictEqual(await next(), undefined);
  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assert.strictEqual(call.status, 'OK');
  assert.strictEqual(call.messageCount, '4');
});

forBothKinds('a frozen call whose deadline passes', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql'], {times: 1, freeze: true});
  const error = await errorOf(database.run({sql: SELECT, gaxOptions: SHORT}));
  assert.strictEqual(error.code, Status.DEADLINE_EXCEEDED, String(error));
  await control.held(fault, 0);
  const [call] = await control.calls('ExecuteStreamingSql', 1);
  assertGivenUp(call, fault);
  assert.deepStrictEqual(ids((await database.run(SELECT))[0]), ALL);
});

withDatabase('a frozen call that is cancelled', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await database.run(SELECT);
  const fault = await control.addFault(['ExecuteStreamingSql'], {afterMessages: 1, freeze: true});
  // The library itself lets a stream go on that its user gives up; the client
  // below it does not.
  const api = database.parent.parent.clients_.get('SpannerClient');
  const [{session}] = await control.calls('ExecuteStreamingSql', 1);
  const stream = api.executeStreamingSql({session, sql: SELECT});
  await once(stream, 'data', inTime());
  await control.held(fault, 1);
  const failed = once(stream, 'error', inTime());
  stream.cancel();
  const [error] = await failed;
  assert.strictEqual(error.code, Status.CANCELLED, String(error));
  await control.held(fault, 0);
  const [, call] = await control.calls('ExecuteStreamingSql', 2);
  assert.strictEqual(call.status, 'CANCELLED');
  assert.deepStrictEqual(call.faults, [fault.name]);
});

// ---- Latency

forBothKinds('calls of random length', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const uniform = await control.addFault(['ExecuteStreamingSql'], {
    pause: {uniform: {min: '0.010s', max: '0.020s'}},
  });
  const normal = await control.addFault([], {
    pause: {logNormal: {median: '0.002s', sigma: 0.5}},
  });
  const runs = [...Array(10)].map(() =>
    database.runTransactionAsync(async transaction => {
      const [rows] = await transaction.run(SELECT);
      await transaction.runUpdate(UPDATE);
      await transaction.commit();
      return ids(rows);
    }),
  );
  for (const rows of await Promise.all(runs)) assert.deepStrictEqual(rows, ALL);

  // One pause for each call: that of the first fault.
  const statements = await control.calls('ExecuteStreamingSql', 20);
  assert.deepStrictEqual(distinct(faultsOf(statements).flat()), [uniform.name]);
  assert.strictEqual(await control.hits(uniform), 20);
  for (const {realStartTime, realEndTime} of statements) {
    const length = Date.parse(realEndTime) - Date.parse(realStartTime);
    assert.ok(length >= 9, `${length} ms`);
  }
  const commits = await control.calls('Commit', 10);
  assert.deepStrictEqual(distinct(faultsOf(commits).flat()), [normal.name]);
  assert.deepStrictEqual(distinct(statuses([...statements, ...commits])), ['OK']);
});

withDatabase('a stream whose messages come slowly, and then no more', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const slow = await control.addFault(['ExecuteStreamingSql'], {
    pause: {fixed: '0.005s', eachMessage: true},
  });
  const broken = await control.addFault(['ExecuteStreamingSql'], {
    times: 1,
    afterMessages: 3,
    status: 'UNAVAILABLE',
  });
  const [rows] = await database.run({sql: SELECT, gaxOptions});
  assert.deepStrictEqual(ids(rows), ALL);
  const calls = await control.calls('ExecuteStreamingSql', 2);
  assert.deepStrictEqual(statuses(calls), ['UNAVAILABLE', 'OK']);
  assert.deepStrictEqual(faultsOf(calls), [[slow.name, broken.name], [slow.name]]);
  assert.deepStrictEqual(messageCounts(calls), [3, 1]);
});

// ---- Headers and trailers

// What came with the reply of the call that has these options. The library may
// be done with it before its trailers are there.
function listen() {
  const heard = {};
  heard.headers = new Promise(resolve => (heard.onHeaders = resolve));
  heard.trailers = new Promise(resolve => (heard.onTrailers = resolve));
  const interceptor = (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        next(metadata, {
          onReceiveMetadata(headers, next) {
            heard.onHeaders(headers);
            next(headers);
          },
          onReceiveStatus(status, next) {
            heard.onTrailers(status.metadata);
            next(status);
          },
        });
      },
    });
  heard.gaxOptions = {otherArgs: {options: {interceptors: [interceptor]}}};
  return heard;
}

const TIMING = 'gfet4t7; dur=17, afe; dur=4';

forBothKinds('headers and trailers that a fault adds', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const fault = await control.addFault(['ExecuteStreamingSql', 'Commit'], {
    headers: [{name: 'server-timing', value: TIMING}],
    trailers: [
      {name: 'x-test-trailer', value: 'at the end'},
      {name: 'x-test-bin', value: Buffer.from([0, 255]).toString('base64')},
    ],
  });
  for (const call of [
    gaxOptions => database.run({sql: SELECT, gaxOptions}),
    gaxOptions => write(database, {gaxOptions}),
  ]) {
    const heard = listen();
    await call(heard.gaxOptions);
    const headers = await heard.headers;
    assert.deepStrictEqual(headers.get('server-timing'), [TIMING]);
    const trailers = await heard.trailers;
    assert.deepStrictEqual(trailers.get('x-test-trailer'), ['at the end']);
    assert.deepStrictEqual(trailers.get('x-test-bin'), [Buffer.from([0, 255])]);
  }
  const calls = await control.journal(`fault = "${fault.name}"`);
  assert.deepStrictEqual(statuses(calls), ['OK', 'OK']);
});

withDatabase('the server-timing that the library reads', async (database, control) => {
  await control.addFault(['Commit'], {headers: [{name: 'server-timing', value: TIMING}]});
  // The library measures production only, and sends it what it has measured.
  // Here it reads, and sends nothing.
  const spanner = database.parent.parent;
  const read = [];
  const record = function () {
    read.push([this.gfeLatency, this.afeLatency]);
  };
  const {recordGfeLatency} = MetricsTracer.prototype;
  MetricsTracer.prototype.recordGfeLatency = record;
  MetricsTracerFactory.enabled = true;
  spanner._metricsEnabled = true;
  try {
    await write(database);
  } finally {
    spanner._metricsEnabled = false;
    MetricsTracerFactory.enabled = false;
    MetricsTracer.prototype.recordGfeLatency = recordGfeLatency;
    await MetricsTracerFactory.resetInstance();
  }
  assert.deepStrictEqual(read, [[17, 4]]);
});

withDatabase('details of an error that a fault takes away', async (database, control) => {
  await control.addFault(['Commit'], {
    times: 1,
    status: 'ABORTED',
    removedHeaders: ['google.rpc.retryinfo-bin'],
  });
  await control.addFault(['Commit'], {times: 1, status: 'ABORTED'});
  const delays = async () => {
    const {code, metadata} = await errorOf(write(database));
    assert.strictEqual(code, Status.ABORTED);
    return metadata.get('google.rpc.retryinfo-bin').length;
  };
  assert.strictEqual(await delays(), 0);
  assert.strictEqual(await delays(), 1);
  const commits = await control.calls('Commit', 2);
  assert.deepStrictEqual(statuses(commits), ['ABORTED', 'ABORTED']);
});

withDatabase('faults for the calls with a header or a tag', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  // The library has its session now.
  await database.run(SELECT);
  const tagged = await control.addFault([], {
    match: {requestTag: 'app=checkout'},
    status: 'PERMISSION_DENIED',
  });
  const leading = await control.addFault([], {
    match: {headers: [{name: 'x-goog-spanner-route-to-leader', value: 'true'}]},
    times: 1,
    status: 'UNAVAILABLE',
  });
  await database.run(SELECT);
  const requestOptions = {requestTag: 'app=checkout'};
  const error = await errorOf(database.run({sql: SELECT, requestOptions}));
  assert.strictEqual(error.code, Status.PERMISSION_DENIED, String(error));
  assert.strictEqual(await control.hits(leading), 0);
  await write(database);
  assert.strictEqual(await control.hits(leading), 1);

  const [call] = await control.journal('request_tag = "app=checkout"');
  assert.deepStrictEqual(call.faults, [tagged.name]);
  const commits = await control.calls('Commit', 2, 'headers.x-goog-api-client:"gccl/"');
  assert.deepStrictEqual(faultsOf(commits), [[leading.name], []]);
  assert.strictEqual(commits[1].headers['x-goog-spanner-route-to-leader'], 'true');
});
