// Test cases in which Google's client library, as people use it, meets a
// server of its own that the test controls.
'use strict';

const {test} = require('node:test');
const {withSpanner} = require('./spanner.js');
// After the library itself: its parts cannot be loaded alone.
const {Transaction} = require('@google-cloud/spanner/build/src/transaction');
const {Control} = require('./control.js');

// Longer than every wait inside, so that those can say what they waited for.
const CASE = {timeout: 60_000};

// When a transaction's first statement fails, the library begins it by a call
// that it does not wait for. That this fails in a lost session is no error of
// the tests.
const {begin} = Transaction.prototype;
Transaction.prototype.begin = function (...args) {
  const begun = begin.apply(this, args);
  begun?.catch(() => {});
  return begun;
};

// For streams that the library would otherwise resume for ever.
const gaxOptions = {timeout: 10_000};

// What the library takes regular sessions for. Left out, all it does is done in
// one multiplexed session.
const REGULAR = {
  GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS: 'false',
  GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS_FOR_RW: 'false',
  GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS_PARTITIONED_OPS: 'false',
};

// A test whose `body` gets a database, and control over the server.
function withDatabase(name, body, variables = {}) {
  test(name, CASE, () =>
    withSpanner(variables, async (database, server) => {
      await body(database, new Control(server));
      // Fails if the library has sessions that nobody has given back.
      await database.close();
    }),
  );
}

function forBothKinds(name, body) {
  withDatabase(`${name} (multiplexed session)`, body);
  withDatabase(`${name} (regular sessions)`, body, REGULAR);
}

const json = rows => rows.map(row => row.toJSON());
const ids = rows => json(rows).map(({Id}) => Id);

async function fromStream(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const callback = start =>
  new Promise((resolve, reject) => {
    start((error, ...results) => (error ? reject(error) : resolve(results)));
  });

module.exports = {
  CASE,
  REGULAR,
  callback,
  forBothKinds,
  fromStream,
  gaxOptions,
  ids,
  json,
  withDatabase,
};
