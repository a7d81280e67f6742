const assert = require('node:assert');
const test = require('node:test');
const {Spanner} = require('@google-cloud/spanner');

// The control API: control('/clock:advance', {duration: '3660s'}).
async function control(path, message) {
  const response = await fetch(`http://localhost:9020/emulator/v1${path}`, {
    method: message ? 'POST' : 'GET',
    headers: {'content-type': 'application/json'},
    body: message && JSON.stringify(message),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

let spanner;
let database;

// The client comes after the reset, which ends the sessions of one from before.
test.beforeEach(async () => {
  await control(':reset', {});
  spanner = new Spanner({projectId: 'my-project'});
  database = spanner.instance('my-instance').database('my-database');
});

test.afterEach(async () => {
  await database.close();
  spanner.close();
});

test('finds a singer', async () => {
  await control('/stubs', {
    match: {sql: 'SELECT Name FROM Singers'},
    answer: {columns: ['Name STRING'], rows: [['Nina']]},
  });
  const [rows] = await database.run({sql: 'SELECT Name FROM Singers', json: true});
  assert.deepStrictEqual(rows, [{Name: 'Nina'}]);
});

test('commits again when it is aborted', async () => {
  await control('/faults', {match: {methods: ['Commit']}, times: 2, status: 'ABORTED', retryDelay: '0.01s'});
  await database.runTransactionAsync(async transaction => {
    transaction.insert('Singers', {SingerId: '1', Name: 'Nina'});
    await transaction.commit();
  });
  const filter = encodeURIComponent('method = "Commit" AND status = "ABORTED"');
  const {entries} = await control(`/journal/entries?filter=${filter}`);
  assert.strictEqual(entries.length, 2);
});
