// Google's client library for Node, as people use it, against scripted answers.
// Each case has a server of its own.
'use strict';

const assert = require('node:assert');
const {mock, test} = require('node:test');
const {MutationGroup, MutationSet, Spanner} = require('@google-cloud/spanner');
// What the library does not export: its own test of an error, and a type.
const {isSessionNotFoundError} = require('@google-cloud/spanner/build/src/session-pool');
const {codec} = require('@google-cloud/spanner/build/src/codec');
const {Status} = require('google-gax');
const {
  CASE,
  REGULAR,
  callback,
  forBothKinds,
  fromStream,
  gaxOptions,
  ids,
  json,
  withDatabase: scripted,
} = require('./cases.js');
const {Control} = require('./control.js');
const {DATABASE, errorOf, withSpanner} = require('./spanner.js');

const SELECT = 'SELECT Id, Name FROM Singers';
const COLUMNS = ['Id INT64', 'Name STRING'];
const SINGERS = {columns: COLUMNS, rows: [[1, 'Ann'], [2, 'Bob']]};
// In Spanner's form.
const ROW_TYPE = {fields: [{name: 'Id', type: {code: 'INT64'}}]};
const INSERT = "INSERT INTO Singers (Id, Name) VALUES (3, 'Cid')";
const UPDATE = "UPDATE Singers SET Name = 'Bo' WHERE Id = 2";

const failure = (code, message, details = []) => ({error: {code, message, details}});
const aborted = failure('ABORTED', 'try again', [
  {'@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.001s'},
]);

const ANN_AND_BOB = [
  {Id: 1, Name: 'Ann'},
  {Id: 2, Name: 'Bob'},
];

// ---- Queries

forBothKinds('a query', async (database, control) => {
  const stub = await control.stub({sql: SELECT}, SINGERS);
  const [rows] = await database.run(`${SELECT}\n`);
  assert.deepStrictEqual(json(rows), ANN_AND_BOB);
  assert.deepStrictEqual(json(await fromStream(database.runStream(SELECT))), ANN_AND_BOB);
  assert.strictEqual(await control.hits(stub), 2);
});

scripted('a query without rows', async (database, control) => {
  await control.stub({sql: SELECT}, {columns: COLUMNS});
  const [rows, , metadata] = await database.run(SELECT);
  assert.deepStrictEqual(rows, []);
  assert.deepStrictEqual(
    metadata.rowType.fields.map(({name}) => name),
    ['Id', 'Name'],
  );
});

scripted('what the library asks by itself needs no stub', async database => {
  const [[[{value: one}]]] = await database.run('SELECT 1');
  assert.strictEqual(one.value, '1');
  const [[[{value: dialect}]]] = await database.run(
    'SELECT option_value FROM information_schema.database_options ' +
      "WHERE option_name='database_dialect'",
  );
  assert.strictEqual(dialect, 'GOOGLE_STANDARD_SQL');
});

scripted('answers by the beginning or the pattern of a statement', async (database, control) => {
  const answer = id => ({columns: ['Id INT64'], rows: [[id]]});
  await control.stub({sqlPrefix: 'SELECT Id'}, answer(1));
  await control.stub({sqlPattern: 'SELECT .* FROM (Albums|Tracks)'}, answer(2));
  const idOf = async sql => ids((await database.run(sql))[0])[0];
  assert.strictEqual(await idOf('SELECT Id FROM Singers'), 1);
  assert.strictEqual(await idOf('SELECT Id FROM Albums'), 2);
  assert.strictEqual(await idOf('SELECT Name\n  FROM Tracks'), 2);
});

scripted('databases with answers of their own', async (database, control) => {
  const other = database.parent.database('other-database');
  const answer = id => ({columns: ['Id INT64'], rows: [[id]]});
  await control.stub({sql: SELECT}, answer(1));
  await control.stub({sql: SELECT, scope: other.formattedName_}, answer(2));
  assert.deepStrictEqual(ids((await database.run(SELECT))[0]), [1]);
  assert.deepStrictEqual(ids((await other.run(SELECT))[0]), [2]);
  await other.close();
});

scripted('a whole ResultSet as an answer', async (database, control) => {
  const metadata = {rowType: ROW_TYPE};
  const resultSet = {metadata, rows: [['1'], ['2']], stats: {rowCountExact: '2'}};
  await control.stub({sql: SELECT}, {resultSet});
  const [rows, stats] = await database.run(SELECT);
  assert.deepStrictEqual(ids(rows), [1, 2]);
  assert.strictEqual(Number(stats.rowCountExact), 2);
});

// For each type, a value as it is scripted, and what the library makes of it.
const bytes = text => Buffer.from(text).toString('base64');
const VALUES = [
  ['INT64', 7, Spanner.int('7')],
  ['INT64', '-9223372036854775808', Spanner.int('-9223372036854775808')],
  ['FLOAT64', 1.5, Spanner.float(1.5)],
  ['FLOAT64', 'NaN', Spanner.float('NaN')],
  ['FLOAT64', '-Infinity', Spanner.float('-Infinity')],
  ['FLOAT32', 0.25, Spanner.float32(0.25)],
  ['NUMERIC', '-99999999999999999999999999999.999999999',
    Spanner.numeric('-99999999999999999999999999999.999999999')],
  ['BOOL', false, false],
  ['STRING', 'Zoë 🎵', 'Zoë 🎵'],
  ['STRING', '', ''],
  ['BYTES', bytes('Zoë'), Buffer.from('Zoë')],
  ['TIMESTAMP', '2030-01-31T12:00:00.123456Z', Spanner.timestamp('2030-01-31T12:00:00.123456Z')],
  ['DATE', '2030-01-31', Spanner.date('2030-01-31')],
  ['JSON', {a: [1, null, 'x']}, {a: [1, null, 'x']}],
  ['INTERVAL', 'P1Y2M3DT4H5M6.500S', Spanner.interval(14, 3, 14706500000000n)],
  ['UUID', '123e4567-e89b-12d3-a456-426614174000', '123e4567-e89b-12d3-a456-426614174000'],
  ['PG_NUMERIC', '1.50', Spanner.pgNumeric('1.50')],
  ['PG_JSONB', {a: 1}, Spanner.pgJsonb({a: 1})],
  ['PG_OID', 7, new codec.PGOid('7')],
  ['PROTO<music.Song>', bytes('\b\u0001'),
    Spanner.protoMessage({value: Buffer.from('\b\u0001'), fullName: 'music.Song'})],
  ['ENUM<music.Genre>', 3, Spanner.protoEnum({value: '3', fullName: 'music.Genre'})],
  ['ARRAY<INT64>', [1, null, '3'], [Spanner.int('1'), null, Spanner.int('3')]],
  ['ARRAY<STRING>', [], []],
  ['ARRAY<BYTES>', [bytes('a'), bytes('b')], [Buffer.from('a'), Buffer.from('b')]],
  ['ARRAY<JSON>', [{a: 1}, [2]], [{a: 1}, [2]]],
];

scripted('a value of every type', async (database, control) => {
  await control.stub(
    {sql: 'SELECT * FROM Everything'},
    {
      columns: VALUES.map(([type], i) => `C${i} ${type}`),
      rows: [VALUES.map(([, value]) => value), VALUES.map(() => null)],
    },
  );
  const [[row, nulls]] = await database.run('SELECT * FROM Everything');
  VALUES.forEach(([type, , expected], i) => {
    assert.deepStrictEqual(row[i], {name: `C${i}`, value: expected}, type);
    assert.deepStrictEqual(nulls[i], {name: `C${i}`, value: null}, type);
  });
});

scripted('structs', async (database, control) => {
  const query = 'SELECT ARRAY(SELECT AS STRUCT * FROM Albums)';
  await control.stub(
    {sql: query},
    {
      columns: ['Albums ARRAY<STRUCT<Title STRING, Years ARRAY<INT64>>>', 'Empty STRUCT<>'],
      rows: [[[{Title: 'One', Years: [1990, 2020]}, ['Two', null], null], []]],
    },
  );
  const [rows] = await database.run({sql: query, json: true});
  assert.deepStrictEqual(rows, [
    {
      Albums: [{Title: 'One', Years: [1990, 2020]}, {Title: 'Two', Years: null}, null],
      Empty: {},
    },
  ]);
});

scripted('a column without a name, and two with the same', async (database, control) => {
  await control.stub({sql: 'SELECT 1, 2 AS a, 3 AS a'}, {
    columns: ['INT64', 'a INT64', 'a INT64'],
    rows: [[1, 2, 3]],
  });
  const [[row]] = await database.run('SELECT 1, 2 AS a, 3 AS a');
  assert.deepStrictEqual(
    row.map(({name, value}) => [name, value.value]),
    [['', '1'], ['a', '2'], ['a', '3']],
  );
});

scripted('parameters of every type', async (database, control) => {
  for (const [type, value, expected] of VALUES) {
    // JSON comes as text, which nobody reads.
    if (/JSON/.test(type)) continue;
    const sql = `SELECT @p -- ${type} ${JSON.stringify(value)}`;
    await control.stub({sql, params: {p: value}}, {columns: [`Got ${type}`], rows: [[value]]});
    const [[[{value: got}]]] = await database.run({sql, params: {p: expected}});
    assert.deepStrictEqual(got, expected, type);
  }
});

scripted('answers by the values of parameters', async (database, control) => {
  const sql = 'SELECT Name FROM Singers WHERE Id = @id AND Born > @born';
  const answer = name => ({columns: ['Name STRING'], rows: [[name]]});
  const born = '1990-01-01';
  await control.stub({sql, params: {id: 1}}, answer('Ann'));
  await control.stub({sql, params: {id: 2, born}}, answer('Bob'));
  await control.stub({sql, params: {id: null}}, answer('Nobody'));
  const nameOf = async id => {
    const [[row]] = await database.run({
      sql,
      params: {id, born: Spanner.date(born)},
      types: {id: 'int64', born: 'date'},
    });
    return row.toJSON().Name;
  };
  assert.strictEqual(await nameOf(1), 'Ann');
  assert.strictEqual(await nameOf(Spanner.int(2)), 'Bob');
  assert.strictEqual(await nameOf(null), 'Nobody');
  const error = await errorOf(nameOf(4));
  assert.strictEqual(error.code, Status.INVALID_ARGUMENT);
  assert.match(error.message, /for its params/);
});

scripted('the plan and the statistics of a query', async (database, control) => {
  await control.stub(
    {sql: SELECT},
    {
      ...SINGERS,
      queryPlan: {planNodes: [{displayName: 'Scan', kind: 'RELATIONAL'}]},
      queryStats: {elapsed_time: '1.2 msecs'},
    },
  );
  const run = async queryMode => {
    const [rows, stats] = await database.run({sql: SELECT, queryMode});
    return {
      rows: rows.length,
      nodes: stats?.queryPlan?.planNodes.map(({displayName}) => displayName),
      time: stats?.queryStats?.fields.elapsed_time.stringValue,
    };
  };
  const nodes = ['Scan'];
  const time = '1.2 msecs';
  assert.deepStrictEqual(await run('NORMAL'), {rows: 2, nodes: undefined, time: undefined});
  assert.deepStrictEqual(await run('PLAN'), {rows: 0, nodes, time: undefined});
  assert.deepStrictEqual(await run('PROFILE'), {rows: 2, nodes, time});
});

scripted('a statement that nobody has scripted', async (database, control) => {
  const sql = "SELECT Name FROM Singers WHERE Id = @id AND Name != 'x'";
  const query = {sql, params: {id: 7}};
  for (const run of [() => database.run(query), () => fromStream(database.runStream(query))]) {
    const error = await errorOf(run());
    assert.strictEqual(error.code, Status.INVALID_ARGUMENT, String(error));
    assert.ok(error.message.includes(sql), error.message);
  }
  // The message has a stub that works as it is.
  const {details} = await errorOf(database.run(query));
  const {match, answer} = JSON.parse(/this one would: (\{.*\})$/.exec(details)[1]);
  await control.stub(match, answer);
  await database.run(query);

  const error = await errorOf(database.table('Singers').read({keys: ['1'], columns: ['Id']}));
  assert.strictEqual(error.code, Status.INVALID_ARGUMENT, String(error));
  assert.match(error.message, /the read of table `Singers`/);
});

scripted('a scripted error', async (database, control) => {
  await control.stub({sql: SELECT}, failure('FAILED_PRECONDITION', 'Singers are on strike'));
  for (const run of [() => database.run(SELECT), () => fromStream(database.runStream(SELECT))]) {
    const error = await errorOf(run());
    assert.strictEqual(error.code, Status.FAILED_PRECONDITION, String(error));
    assert.strictEqual(error.details, 'Singers are on strike');
  }
});

// ---- Long streams

const LONG = 100_000;

scripted('a long stream', async (database, control) => {
  const rows = [...Array(10).keys()].map(i => [i, `name ${i}`]);
  const answer = {columns: COLUMNS, rows, repeatRows: LONG / rows.length};
  await control.stub({sql: SELECT}, answer);
  await control.stub({read: {table: 'Singers'}}, answer);
  for (const stream of [
    database.runStream({sql: SELECT, json: true}),
    database.table('Singers').createReadStream({columns: ['Id', 'Name'], json: true}),
  ]) {
    let count = 0;
    for await (const {Id, Name} of stream) {
      if (Id !== count % 10 || Name !== `name ${Id}`) assert.fail(`row ${count}: ${Id}, ${Name}`);
      ++count;
    }
    assert.strictEqual(count, LONG);
  }
});

const VARIED = {
  columns: [
    'Text STRING',
    'Tags ARRAY<STRING>',
    'Number INT64',
    'Pairs ARRAY<STRUCT<a INT64, b STRING, c ARRAY<STRING>>>',
    'Doc JSON',
    'Yes ARRAY<BOOL>',
  ],
  rows: [
    [
      'a long text with letters such as äöü and 🎵🎶',
      ['first', null, '', 'fourth'],
      1234567890,
      [[1, 'one', ['x', 'yyyyyyyyyyyyyyyyyyyyyy']], [2, null, null]],
      {a: [1, 2, {b: 'c'}]},
      [true, false],
    ],
    ['', [], null, [], [1, 'two'], null],
    [null, null, -1, null, null, [null]],
    ['Z'.repeat(300), ['T'.repeat(100), 'U'.repeat(100)], 0, [[null, '', []]], '"a"', []],
  ],
};

scripted('values that are cut into parts', async (database, control) => {
  await control.stub({sql: 'whole'}, VARIED);
  const expected = json((await database.run('whole'))[0]);
  assert.strictEqual(expected.length, VARIED.rows.length);
  for (const bytesPerMessage of [1, 2, 3, 7, 50, 1000]) {
    const sql = `${bytesPerMessage} bytes`;
    await control.stub({sql}, {...VARIED, chunking: {bytesPerMessage}});
    assert.deepStrictEqual(json((await database.run(sql))[0]), expected, sql);
  }
});

scripted('a long stream of values that are cut into parts', async (database, control) => {
  const repeatRows = 2_000;
  await control.stub({sql: 'whole'}, VARIED);
  await control.stub({sql: 'cut'}, {...VARIED, repeatRows, chunking: {bytesPerMessage: 100}});
  const expected = json((await database.run('whole'))[0]);
  let count = 0;
  for await (const row of database.runStream('cut')) {
    assert.deepStrictEqual(row.toJSON(), expected[count % expected.length]);
    ++count;
  }
  assert.strictEqual(count, repeatRows * expected.length);
});

// ---- Streams that break

const FOUR = {columns: COLUMNS, rows: [[1, 'Ann'], [2, 'Bob'], [3, 'Cid'], [4, 'Dan']]};
const unavailable = failure('UNAVAILABLE', 'the server is gone');
// The first rows, each in a message, and then the end of the connection.
const until = count => ({
  ...FOUR,
  rows: FOUR.rows.slice(0, count),
  chunking: {rowsPerMessage: 1},
  ...unavailable,
});

scripted('a stream that breaks after some rows is resumed', async (database, control) => {
  for (const chunking of [{rowsPerMessage: 1}, {rowsPerMessage: 3}, {bytesPerMessage: 1}]) {
    const sql = JSON.stringify(chunking);
    await control.stub({sql}, {...until(2), chunking}, {...FOUR, chunking});
    const [rows] = await database.run({sql, gaxOptions});
    assert.deepStrictEqual(ids(rows), [1, 2, 3, 4], sql);
  }
  await control.stub({read: {table: 'Singers'}}, until(2), FOUR);
  const request = {columns: ['Id', 'Name'], gaxOptions};
  const [rows] = await database.table('Singers').read(request);
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
});

forBothKinds('streams of transactions that break are resumed', async (database, control) => {
  const request = {columns: ['Id', 'Name'], gaxOptions};
  for (const sql of ['in a snapshot', 'in a transaction']) {
    await control.stub({sql}, until(2), FOUR);
  }
  await control.stub({sql: 'begins twice'}, unavailable, FOUR);
  for (const table of ['Singers', 'Others']) {
    await control.stub({read: {table}}, until(2), FOUR);
  }

  const [snapshot] = await database.getSnapshot();
  const [rows] = await snapshot.run({sql: 'in a snapshot', gaxOptions});
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
  const [read] = await snapshot.read('Singers', request);
  assert.deepStrictEqual(ids(read), [1, 2, 3, 4]);
  snapshot.end();

  await database.runTransactionAsync(async transaction => {
    const [rows] = await transaction.run({sql: 'in a transaction', gaxOptions});
    assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
    const [read] = await transaction.read('Others', request);
    assert.deepStrictEqual(ids(read), [1, 2, 3, 4]);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
  await database.runTransactionAsync(async transaction => {
    const [rows] = await transaction.run({sql: 'begins twice', gaxOptions});
    assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
});

forBothKinds('DML that breaks is resumed', async (database, control) => {
  const sql = `${INSERT} THEN RETURN Id, Name`;
  await control.stub({sql}, until(1), until(2), {...FOUR, rowCount: 4});
  const [transaction] = await database.getTransaction();
  await transaction.begin();
  const [rows, stats] = await transaction.run({sql, gaxOptions});
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
  assert.strictEqual(Number(stats.rowCountExact), 4);
  await transaction.commit();
});

forBothKinds('DML that fails at once is sent again', async (database, control) => {
  await control.stub({sql: UPDATE}, unavailable, {rowCount: 1});
  const [transaction] = await database.getTransaction();
  await transaction.begin();
  const [count] = await transaction.runUpdate({sql: UPDATE, gaxOptions});
  assert.strictEqual(count, 1);
  await transaction.commit();
});

scripted('a stream that breaks again and again is resumed', async (database, control) => {
  await control.stub({sql: SELECT}, unavailable, until(1), until(2), until(2), until(4), FOUR);
  const rows = await fromStream(database.runStream({sql: SELECT, gaxOptions}));
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
});

scripted('a stream that breaks for good', async (database, control) => {
  await control.stub({sql: SELECT}, {...until(4), ...failure('DATA_LOSS', 'the rest is lost')});
  const rows = [];
  const error = await errorOf(
    (async () => {
      for await (const row of database.runStream(SELECT)) rows.push(row);
    })(),
  );
  assert.strictEqual(error.code, Status.DATA_LOSS, String(error));
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
});

scripted('a stream that breaks before a resume token begins anew', async (database, control) => {
  const start = {metadata: {rowType: ROW_TYPE}, values: ['1']};
  const whole = {columns: ['Id INT64'], rows: [[1], [2]]};
  await control.stub({sql: SELECT}, {partialResultSets: [start], ...unavailable}, whole);
  const [rows] = await database.run({sql: SELECT, gaxOptions});
  assert.deepStrictEqual(ids(rows), [1, 2]);
});

scripted('messages with resume tokens of their own', async (database, control) => {
  const first = {metadata: {rowType: ROW_TYPE}, values: ['1'], resumeToken: bytes('first')};
  const second = {values: ['2'], resumeToken: bytes('second')};
  await control.stub(
    {sql: SELECT},
    {partialResultSets: [first], ...unavailable},
    {partialResultSets: [first, second]},
  );
  const [rows] = await database.run({sql: SELECT, gaxOptions});
  assert.deepStrictEqual(ids(rows), [1, 2]);
});

// ---- Reads

forBothKinds('reads of a table', async (database, control) => {
  const table = database.table('Singers');
  const columns = ['Id', 'Name'];
  const read = (match, id) =>
    control.stub(
      {read: {table: 'Singers', ...match}},
      {columns: COLUMNS, rows: [[id, `row ${id}`]]},
    );
  await read({}, 0);
  await read({keySet: {all: true}}, 1);
  await read({keySet: {keys: [[5]]}}, 2);
  await read({keySet: {keys: [[5], [6]]}}, 3);
  await read({keySet: {ranges: [{startClosed: [1], endOpen: [9]}]}}, 4);
  await read({index: 'ByName', keySet: {keys: [['Ann']]}}, 5);
  await read({columns: ['Id']}, 6);
  const got = async request => {
    const [rows] = await table.read({columns, ...request});
    const streamed = await fromStream(table.createReadStream({columns, ...request}));
    assert.deepStrictEqual(json(streamed), json(rows));
    return ids(rows);
  };
  assert.deepStrictEqual(await got({}), [1]);
  assert.deepStrictEqual(await got({keys: [5]}), [2]);
  assert.deepStrictEqual(await got({keys: [5, 6]}), [3]);
  assert.deepStrictEqual(await got({ranges: [{startClosed: [1], endOpen: [9]}]}), [4]);
  assert.deepStrictEqual(await got({index: 'ByName', keys: [['Ann']]}), [5]);
  assert.deepStrictEqual(await got({keys: [8]}), [0]);
  assert.deepStrictEqual(await got({columns: ['Id'], keys: [5]}), [6]);
});

// ---- Read-write transactions

// The time is there, and has not been before.
function assertRises(times) {
  const strings = times.map(time => time.toISOString());
  assert.deepStrictEqual(strings, [...new Set(strings)].sort());
}

forBothKinds('a transaction', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({read: {table: 'Singers'}}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const run = () =>
    database.runTransactionAsync(async transaction => {
      const [queried] = await transaction.run(SELECT);
      const id = transaction.id.toString();
      const [read] = await transaction.read('Singers', {columns: ['Id', 'Name'], keys: [1]});
      assert.deepStrictEqual(json(read), json(queried));
      const [count] = await transaction.runUpdate(UPDATE);
      assert.strictEqual(count, 1);
      transaction.insert('Singers', [{Id: 4, Name: 'Dan'}, {Id: 5, Name: 'Eve'}]);
      const [response] = await transaction.commit({returnCommitStats: true});
      assert.strictEqual(transaction.id.toString(), id);
      assert.strictEqual(Number(response.commitStats.mutationCount), 4);
      return transaction.commitTimestamp;
    });
  assertRises([await run(), await run(), await run()]);
});

forBothKinds('a transaction by callbacks', async (database, control) => {
  await control.stub({sql: SELECT}, aborted, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  let attempts = 0;
  const [count, time] = await callback(done =>
    database.runTransaction((error, transaction) => {
      if (error) return done(error);
      ++attempts;
      transaction.run(SELECT, (error, rows) => {
        if (error) return done(error);
        transaction.runUpdate(UPDATE, error => {
          if (error) return done(error);
          transaction.commit(error => done(error, rows.length, transaction.commitTimestamp));
        });
      });
    }),
  );
  assert.strictEqual(count, 2);
  assert.ok(time);
  assert.strictEqual(attempts, 2);
});

forBothKinds('statements of a transaction at the same time', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await database.runTransactionAsync(async transaction => {
    // The first begins the transaction; the library makes the others wait for
    // the id in its answer.
    const results = await Promise.all([
      transaction.run(SELECT),
      transaction.run(SELECT),
      transaction.runUpdate(UPDATE),
    ]);
    assert.deepStrictEqual(ids(results[1][0]), [1, 2]);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
});

forBothKinds('many transactions at the same time', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const times = await Promise.all(
    [...Array(40).keys()].map(() =>
      database.runTransactionAsync(async transaction => {
        await transaction.run(SELECT);
        await transaction.runUpdate(UPDATE);
        await transaction.commit();
        return transaction.commitTimestamp.toISOString();
      }),
    ),
  );
  assert.strictEqual(new Set(times).size, times.length);
});

forBothKinds('a transaction that is rolled back', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await database.runTransactionAsync(async transaction => {
    await transaction.runUpdate(UPDATE);
    await transaction.rollback();
    // It is over for the server as well.
    for (const use of [() => transaction.run(SELECT), () => transaction.commit()]) {
      const error = await errorOf(use());
      assert.strictEqual(error.code, Status.FAILED_PRECONDITION, String(error));
    }
  });
});

forBothKinds('a transaction after its commit', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const transaction = await database.runTransactionAsync(async transaction => {
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
    return transaction;
  });
  const error = await errorOf(transaction.runUpdate(UPDATE));
  assert.strictEqual(error.code, Status.FAILED_PRECONDITION, String(error));
  // A commit that is sent twice has happened once.
  const time = transaction.commitTimestamp.toISOString();
  await transaction.commit();
  assert.strictEqual(transaction.commitTimestamp.toISOString(), time);
});

forBothKinds('a transaction whose first statement fails goes on', async (database, control) => {
  await control.stub({sql: INSERT}, failure('ALREADY_EXISTS', 'Row 3 is there'));
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await database.runTransactionAsync(async transaction => {
    const error = await errorOf(transaction.runUpdate(INSERT));
    assert.strictEqual(error.code, Status.ALREADY_EXISTS, String(error));
    const [count] = await transaction.runUpdate(UPDATE);
    assert.strictEqual(count, 1);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
});

forBothKinds('a transaction of a program that begins it itself', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const [transaction] = await database.getTransaction();
  await transaction.begin();
  await transaction.runUpdate(UPDATE);
  await transaction.commit();
  assert.ok(transaction.commitTimestamp);
});

forBothKinds('an aborted transaction is run again', async (database, control) => {
  const stub = await control.stub({sql: UPDATE}, aborted, aborted, {rowCount: 1});
  const transactions = [];
  const errors = [];
  await database.runTransactionAsync(async transaction => {
    transactions.push(transaction);
    await transaction.runUpdate(UPDATE).catch(error => {
      errors.push(error);
      throw error;
    });
    await transaction.commit();
  });
  assert.strictEqual(new Set(transactions).size, 3);
  assert.ok(transactions[2].commitTimestamp);
  assert.deepStrictEqual(
    errors.map(({code, details}) => [code, details]),
    [[Status.ABORTED, 'try again'], [Status.ABORTED, 'try again']],
  );
  // The library reads from this how long it shall wait.
  assert.strictEqual(errors[0].metadata.get('google.rpc.retryinfo-bin').length, 1);
  assert.strictEqual(await control.hits(stub), 3);
});

forBothKinds('a transaction that is aborted in its middle', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({sql: UPDATE}, aborted, {rowCount: 1});
  let attempts = 0;
  const time = await database.runTransactionAsync(async transaction => {
    ++attempts;
    await transaction.run(SELECT);
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
    return transaction.commitTimestamp;
  });
  assert.strictEqual(attempts, 2);
  assert.ok(time);
});

// ---- DML

forBothKinds('DML that returns rows', async (database, control) => {
  const sql = `${INSERT} THEN RETURN Id, Name`;
  await control.stub({sql}, {columns: COLUMNS, rows: [[3, 'Cid']], rowCount: 1});
  await database.runTransactionAsync(async transaction => {
    const [rows, stats] = await transaction.run(sql);
    assert.deepStrictEqual(json(rows), [{Id: 3, Name: 'Cid'}]);
    assert.strictEqual(Number(stats[stats.rowCount]), 1);
    const [count] = await transaction.runUpdate(sql);
    assert.strictEqual(count, 1);
    await transaction.commit();
  });
});

forBothKinds('Partitioned DML', async (database, control) => {
  const sql = 'UPDATE Singers SET Active = true WHERE true';
  const stub = await control.stub({sql, transactionKind: 'PARTITIONED_DML'}, {rowCount: 1234});
  const [count] = await database.runPartitionedUpdate(sql);
  assert.strictEqual(count, 1234);
  assert.strictEqual(await control.hits(stub), 1);
});

forBothKinds('Partitioned DML that is aborted is run again', async (database, control) => {
  const stub = await control.stub({sql: UPDATE}, aborted, {rowCount: 5});
  const [count] = await database.runPartitionedUpdate(UPDATE);
  assert.strictEqual(count, 5);
  assert.strictEqual(await control.hits(stub), 2);
});

forBothKinds('batch DML', async (database, control) => {
  await control.stub({sql: INSERT}, {rowCount: 1});
  const sql = 'UPDATE Singers SET Name = @name WHERE true';
  const params = {name: 'X'};
  await control.stub({sql, params}, {rowCount: 7});
  await database.runTransactionAsync(async transaction => {
    const [counts] = await transaction.batchUpdate([INSERT, {sql, params}, {sql: INSERT}]);
    assert.deepStrictEqual(counts, [1, 7, 1]);
    assert.ok(transaction.id);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
});

forBothKinds('batch DML with a failure in its middle', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 2});
  await control.stub({sql: INSERT}, failure('ALREADY_EXISTS', 'Row 3 is there'));
  const last = await control.stub({sql: 'DELETE FROM Singers WHERE true'}, {rowCount: 9});
  await database.runTransactionAsync(async transaction => {
    const batch = [UPDATE, UPDATE, INSERT, 'DELETE FROM Singers WHERE true'];
    const error = await errorOf(transaction.batchUpdate(batch));
    assert.strictEqual(error.code, Status.ALREADY_EXISTS, String(error));
    assert.strictEqual(error.message, 'Row 3 is there');
    assert.deepStrictEqual(error.rowCounts, [2, 2]);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
  assert.strictEqual(await control.hits(last), 0);
});

forBothKinds('batch DML whose first statement fails', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 2});
  await control.stub({sql: INSERT}, failure('ALREADY_EXISTS', 'Row 3 is there'));
  await database.runTransactionAsync(async transaction => {
    const error = await errorOf(transaction.batchUpdate([INSERT, UPDATE]));
    assert.strictEqual(error.code, Status.ALREADY_EXISTS, String(error));
    assert.deepStrictEqual(error.rowCounts, []);
    await transaction.runUpdate(UPDATE);
    await transaction.commit();
    assert.ok(transaction.commitTimestamp);
  });
});

forBothKinds('batch DML that is aborted is run again', async (database, control) => {
  await control.stub({sql: UPDATE}, aborted, {rowCount: 2});
  await control.stub({sql: INSERT}, {rowCount: 1});
  const results = await database.runTransactionAsync(async transaction => {
    const [counts] = await transaction.batchUpdate([INSERT, UPDATE]);
    await transaction.commit();
    return counts;
  });
  assert.deepStrictEqual(results, [1, 2]);
});

// ---- Mutations

forBothKinds('mutations of a table', async database => {
  const table = database.table('Singers');
  const row = {Id: 1, Name: 'Ann'};
  const times = [];
  for (const mutate of [
    () => table.insert([row, {Id: 2, Name: 'Bob'}]),
    () => table.upsert(row),
    () => table.update(row),
    () => table.replace(row),
    () => table.deleteRows([1, 2]),
  ]) {
    const [{commitTimestamp}] = await mutate();
    times.push(Spanner.timestamp(commitTimestamp));
  }
  assertRises(times);
});

forBothKinds('mutations that are written at least once', async database => {
  const mutations = new MutationSet();
  mutations.insert('Singers', {Id: 1, Name: 'Ann'});
  mutations.upsert('Albums', [{Id: 1, Title: 'One'}, {Id: 2, Title: 'Two'}]);
  mutations.deleteRows('Albums', ['3']);
  const [response] = await database.writeAtLeastOnce(mutations, {returnCommitStats: true});
  assert.ok(response.commitTimestamp);
  assert.strictEqual(Number(response.commitStats.mutationCount), 2 + 4 + 1);
});

function groupsOf(...tables) {
  return tables.map(table => {
    const group = new MutationGroup();
    group.insert(table, {Id: 1});
    group.upsert(table, {Id: 2});
    return group;
  });
}

forBothKinds('groups of mutations', async database => {
  const stream = database.batchWriteAtLeastOnce(groupsOf('Singers', 'Albums', 'Tracks'));
  const responses = await fromStream(stream);
  assert.deepStrictEqual(responses.flatMap(({indexes}) => indexes).sort(), [0, 1, 2]);
  for (const {status, commitTimestamp} of responses) {
    assert.strictEqual(status.code, 0);
    assert.ok(commitTimestamp);
  }
});

forBothKinds('groups of mutations of which some fail', async (database, control) => {
  const stub = await control.stub(
    {batchWrite: {table: 'Albums'}},
    {
      batchWriteResponses: [
        {indexes: [2, 0], status: {}, commitTimestamp: '2030-01-01T00:00:00Z'},
        {indexes: [1], status: {code: 6, message: 'Album 1 is there'}},
      ],
    },
  );
  const responses = await fromStream(
    database.batchWriteAtLeastOnce(groupsOf('Singers', 'Albums', 'Tracks')),
  );
  assert.deepStrictEqual(
    responses.map(({indexes, status}) => [indexes, status.code, status.message]),
    [
      [[2, 0], 0, ''],
      [[1], Status.ALREADY_EXISTS, 'Album 1 is there'],
    ],
  );
  assert.strictEqual(await control.hits(stub), 1);
  // No group of this call is on the table.
  const others = await fromStream(database.batchWriteAtLeastOnce(groupsOf('Singers')));
  assert.deepStrictEqual(others.map(({status}) => status.code), [0]);
});

scripted('groups of mutations, and an error at the end', async (database, control) => {
  await control.stub(
    {batchWrite: {}},
    {
      batchWriteResponses: [{indexes: [0], status: {}}],
      ...failure('RESOURCE_EXHAUSTED', 'enough is enough'),
    },
  );
  const responses = [];
  const error = await errorOf(
    (async () => {
      const stream = database.batchWriteAtLeastOnce(groupsOf('Singers', 'Albums'));
      for await (const response of stream) responses.push(response);
    })(),
  );
  assert.strictEqual(error.code, Status.RESOURCE_EXHAUSTED, String(error));
  assert.strictEqual(error.details, 'enough is enough');
  assert.strictEqual(responses.length, 1);
});

// ---- Read-only transactions

// The time of the clock, moved by so many seconds.
const moved = (time, seconds) => new Date(Date.parse(time) + seconds * 1000).toISOString();
const inMillis = time => new Date(time.getTime()).toISOString();

forBothKinds('a snapshot', async (database, control) => {
  await control.stub({sql: SELECT}, FOUR);
  const stub = await control.stub({sql: SELECT, transactionKind: 'READ_ONLY'}, SINGERS);
  await control.stub({read: {table: 'Singers'}}, SINGERS);
  const [snapshot] = await database.getSnapshot();
  assert.ok(snapshot.id.length > 0);
  const [rows] = await snapshot.run(SELECT);
  assert.deepStrictEqual(json(rows), ANN_AND_BOB);
  const [read] = await snapshot.read('Singers', {columns: ['Id', 'Name'], keys: [1]});
  assert.deepStrictEqual(json(read), ANN_AND_BOB);
  const [again] = await snapshot.run(SELECT);
  assert.deepStrictEqual(json(again), ANN_AND_BOB);
  snapshot.end();
  assert.strictEqual(await control.hits(stub), 2);
});

forBothKinds('the read timestamps of snapshots', async (database, control) => {
  const now = await control.stopClock();
  const timeOf = async bounds => {
    const [snapshot] = await database.getSnapshot(bounds);
    snapshot.end();
    return inMillis(snapshot.readTimestamp);
  };
  assert.strictEqual(await timeOf({}), moved(now, 0));
  assert.strictEqual(await timeOf({strong: true}), moved(now, 0));
  assert.strictEqual(await timeOf({exactStaleness: 10_000}), moved(now, -10));
  const readTimestamp = Spanner.timestamp(moved(now, -60));
  assert.strictEqual(await timeOf({readTimestamp}), moved(now, -60));
});

scripted('the read timestamps of single queries', async (database, control) => {
  const now = await control.stopClock();
  await control.stub({sql: SELECT}, SINGERS);
  const timeOf = async bounds => {
    const [, , metadata] = await database.run(SELECT, bounds);
    return inMillis(Spanner.timestamp(metadata.transaction.readTimestamp));
  };
  const assertSince = (seconds, time) =>
    assert.ok(moved(now, seconds) <= time && time <= moved(now, 0), time);
  assert.strictEqual(await timeOf({}), moved(now, 0));
  assert.strictEqual(await timeOf({exactStaleness: 5_000}), moved(now, -5));
  const time = Spanner.timestamp(moved(now, -20));
  assert.strictEqual(await timeOf({readTimestamp: time}), moved(now, -20));
  assertSince(-15, await timeOf({maxStaleness: 15_000}));
  assertSince(-20, await timeOf({minReadTimestamp: time}));
  const [, , metadata] = await database.run(SELECT, {returnReadTimestamp: false});
  assert.strictEqual(metadata.transaction?.readTimestamp ?? null, null);
});

// ---- Partitions

const PARTITIONS = {
  columns: COLUMNS,
  partitions: [{rows: [[1, 'Ann'], [2, 'Bob']]}, {rows: []}, {rows: [[3, 'Cid']]}],
};

// What a worker somewhere else gets: texts.
function sent(partition) {
  const partitionToken = partition.partitionToken.toString('base64');
  return JSON.parse(JSON.stringify({...partition, partitionToken}));
}

forBothKinds('a partitioned query', async (database, control) => {
  const stub = await control.stub({sql: SELECT}, PARTITIONS);
  const [transaction] = await database.createBatchTransaction();
  assert.ok(transaction.readTimestamp);
  const [partitions] = await transaction.createQueryPartitions({
    sql: SELECT,
    dataBoostEnabled: true,
    partitionOptions: {maxPartitions: 100},
  });
  assert.strictEqual(partitions.length, 3);
  const all = await Promise.all(partitions.map(partition => transaction.execute(partition)));
  assert.deepStrictEqual(all.map(([rows]) => ids(rows)), [[1, 2], [], [3]]);
  const streamed = await fromStream(transaction.executeStream(partitions[2]));
  assert.deepStrictEqual(json(streamed), [{Id: 3, Name: 'Cid'}]);

  const worker = database.batchTransaction(JSON.parse(JSON.stringify(transaction.identifier())));
  const [rows] = await worker.execute(sent(partitions[0]));
  assert.deepStrictEqual(ids(rows), [1, 2]);
  transaction.close();
  assert.strictEqual(await control.hits(stub), 1);
});

forBothKinds('a partitioned query with parameters', async (database, control) => {
  const sql = 'SELECT Id, Name FROM Singers WHERE Id > @id';
  await control.stub({sql, params: {id: 7}}, PARTITIONS);
  const [transaction] = await database.createBatchTransaction();
  const [partitions] = await transaction.createQueryPartitions({sql, params: {id: 7}});
  const all = await Promise.all(partitions.map(partition => transaction.execute(partition)));
  assert.deepStrictEqual(all.map(([rows]) => ids(rows)), [[1, 2], [], [3]]);
  transaction.close();
});

forBothKinds('a partitioned read', async (database, control) => {
  await control.stub({read: {table: 'Singers'}}, PARTITIONS);
  const [transaction] = await database.createBatchTransaction({exactStaleness: 1_000});
  const [partitions] = await transaction.createReadPartitions({
    table: 'Singers',
    columns: ['Id', 'Name'],
    ranges: [{startClosed: [1], endClosed: [9]}],
  });
  assert.strictEqual(partitions.length, 3);
  const all = await Promise.all(partitions.map(partition => transaction.execute(partition)));
  assert.deepStrictEqual(all.map(([rows]) => ids(rows)), [[1, 2], [], [3]]);
  const [rows] = await transaction.execute(sent(partitions[0]));
  assert.deepStrictEqual(ids(rows), [1, 2]);
  transaction.close();
});

scripted('a query that is not scripted with partitions has one', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const [transaction] = await database.createBatchTransaction();
  const [partitions] = await transaction.createQueryPartitions(SELECT);
  assert.strictEqual(partitions.length, 1);
  const [rows] = await transaction.execute(partitions[0]);
  assert.deepStrictEqual(json(rows), ANN_AND_BOB);
});

scripted('a partition of another query, or of another transaction', async (database, control) => {
  await control.stub({sql: SELECT}, PARTITIONS);
  await control.stub({sql: `${SELECT} WHERE true`}, PARTITIONS);
  const [transaction] = await database.createBatchTransaction();
  const [[partition]] = await transaction.createQueryPartitions(SELECT);
  const [other] = await database.createBatchTransaction();
  for (const wrong of [
    () => transaction.execute({...partition, sql: `${SELECT} WHERE true`}),
    () => other.execute(partition),
  ]) {
    const error = await errorOf(wrong());
    assert.strictEqual(error.code, Status.INVALID_ARGUMENT, String(error));
    assert.match(error.message, /partition/i);
  }
});

scripted('a partitioned query that nobody has scripted', async database => {
  const [transaction] = await database.createBatchTransaction();
  const [[partition]] = await transaction.createQueryPartitions(SELECT);
  const error = await errorOf(transaction.execute(partition));
  assert.strictEqual(error.code, Status.INVALID_ARGUMENT, String(error));
  assert.ok(error.message.includes(`No stub matches the statement \`${SELECT}\``), error.message);
});

scripted('a partition whose stream breaks is resumed', async (database, control) => {
  await control.stub({sql: SELECT}, {partitions: [until(2)]}, {partitions: [FOUR]});
  const [transaction] = await database.createBatchTransaction();
  const [[partition]] = await transaction.createQueryPartitions({sql: SELECT});
  const [rows] = await transaction.execute({...partition, gaxOptions});
  assert.deepStrictEqual(ids(rows), [1, 2, 3, 4]);
});

// ---- Lost sessions

scripted('lost sessions are replaced by the pool', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  await control.stub({read: {table: 'Singers'}}, SINGERS);
  await control.stub({sql: UPDATE}, {rowCount: 1});
  const lose = async () => assert.ok((await control.loseSessions()) > 0);
  await database.run(SELECT);

  await lose();
  const [rows] = await database.run(SELECT);
  assert.deepStrictEqual(json(rows), ANN_AND_BOB);

  await lose();
  assert.deepStrictEqual(json(await fromStream(database.runStream(SELECT))), ANN_AND_BOB);

  await lose();
  const [read] = await database.table('Singers').read({columns: ['Id', 'Name']});
  assert.deepStrictEqual(json(read), ANN_AND_BOB);

  await lose();
  assert.ok((await database.table('Singers').insert({Id: 1, Name: 'Ann'}))[0].commitTimestamp);
}, REGULAR);

test('groups of mutations whose session is lost', CASE, () =>
  // The library does not give sessions back that it has lost so; the database
  // cannot be closed any more.
  withSpanner(REGULAR, async (database, server) => {
    await database.run('SELECT 1');
    await new Control(server).loseSessions();
    const [{status}] = await fromStream(database.batchWriteAtLeastOnce(groupsOf('Singers')));
    assert.strictEqual(status.code, 0);
  }));

scripted('a transaction whose session is lost is run again', async (database, control) => {
  await control.stub({sql: SELECT}, SINGERS);
  const stub = await control.stub({sql: UPDATE}, {rowCount: 1});
  const sessions = new Set();
  const errors = [];
  const time = await database.runTransactionAsync(async transaction => {
    sessions.add(transaction.session.id);
    try {
      await transaction.run(SELECT);
      if (sessions.size === 1) await control.loseSessions();
      await transaction.runUpdate(UPDATE);
      await transaction.commit();
    } catch (error) {
      errors.push(error);
      throw error;
    }
    return transaction.commitTimestamp;
  });
  assert.ok(time);
  assert.ok(errors.length > 0);
  for (const error of errors) assert.ok(isSessionNotFoundError(error), String(error));
  assert.strictEqual(sessions.size, errors.length + 1);
  assert.strictEqual(await control.hits(stub), 1);
}, REGULAR);

test('a lost multiplexed session is replaced when its time has come', CASE, async () => {
  // The library makes a new one every seven days, whatever has become of the
  // old one, and nothing else makes it do so.
  const SEVEN_DAYS = 7 * 24 * 3600 * 1000;
  // (Node 18 and 20 disagree how their own mock of timers is switched on.)
  const weekly = [];
  const fake = mock.method(globalThis, 'setInterval', (run, delay) => {
    if (delay === SEVEN_DAYS) weekly.push(run);
    return {unref() {}};
  });
  try {
    await withSpanner({}, async (database, server) => {
      const control = new Control(server);
      await control.stub({sql: SELECT}, SINGERS);
      await control.stub({sql: UPDATE}, {rowCount: 1});
      await database.run(SELECT);
      assert.strictEqual(await control.loseSessions(), 1);

      const error = await errorOf(database.run(SELECT));
      assert.ok(isSessionNotFoundError(error), String(error));
      const name = error.details.replace('Session not found: ', '');
      assert.ok(name.startsWith(`${DATABASE}/sessions/`), error.details);

      // This is tried, again and again, until there is a new one.
      let attempts = 0;
      const used = await database.runTransactionAsync(async transaction => {
        if (++attempts === 2) weekly.forEach(run => run());
        await transaction.runUpdate(UPDATE);
        await transaction.commit();
        return transaction.session.formattedName_;
      });
      assert.notStrictEqual(used, name);
      assert.deepStrictEqual(json((await database.run(SELECT))[0]), ANN_AND_BOB);
      const {multiplexed} = await control.sessionCounts();
      assert.deepStrictEqual(multiplexed, {created: '2', deleted: '1', alive: '1'});
    });
  } finally {
    fake.mock.restore();
  }
});

// ---- Tags

forBothKinds('answers by request tags', async (database, control) => {
  const tagged = requestTag => ({requestOptions: {requestTag}});
  const answer = id => ({columns: ['Id INT64'], rows: [[id]]});
  await control.stub({sql: SELECT}, answer(0));
  await control.stub({sql: SELECT, requestTag: 'app=one'}, answer(1));
  await control.stub({sql: SELECT, requestTag: 'app=two'}, answer(2));
  await control.stub({read: {table: 'Singers'}, requestTag: 'app=read'}, answer(3));
  await control.stub({sql: UPDATE, requestTag: 'app=dml'}, {rowCount: 4});
  const run = async options => ids((await database.run({sql: SELECT, ...options}))[0]);
  assert.deepStrictEqual(await run({}), [0]);
  assert.deepStrictEqual(await run(tagged('app=one')), [1]);
  assert.deepStrictEqual(await run(tagged('app=two')), [2]);
  assert.deepStrictEqual(await run(tagged('app=three')), [0]);
  const [rows] = await database.table('Singers').read({columns: ['Id'], ...tagged('app=read')});
  assert.deepStrictEqual(ids(rows), [3]);
  await database.runTransactionAsync(async transaction => {
    const [count] = await transaction.runUpdate({sql: UPDATE, ...tagged('app=dml')});
    assert.strictEqual(count, 4);
    const [counts] = await transaction.batchUpdate([UPDATE], tagged('app=dml'));
    assert.deepStrictEqual(counts, [4]);
    const error = await errorOf(transaction.runUpdate({sql: UPDATE, ...tagged('app=other')}));
    assert.match(error.message, /for its request_tag/);
    await transaction.commit();
  });
});

forBothKinds('answers by transaction tags', async (database, control) => {
  await control.stub({sql: UPDATE}, {rowCount: 1});
  await control.stub({sql: UPDATE, transactionTag: 'app=checkout'}, {rowCount: 2});
  await control.stub(
    {sql: UPDATE, transactionTag: 'app=checkout', requestTag: 'app=last'},
    {rowCount: 3},
  );
  const run = options =>
    database.runTransactionAsync(options, async transaction => {
      const [[first], [[second]], [last]] = [
        await transaction.runUpdate(UPDATE),
        await transaction.batchUpdate([UPDATE]),
        await transaction.runUpdate({sql: UPDATE, requestOptions: {requestTag: 'app=last'}}),
      ];
      await transaction.commit();
      return [first, second, last];
    });
  assert.deepStrictEqual(await run({}), [1, 1, 1]);
  assert.deepStrictEqual(
    await run({requestOptions: {transactionTag: 'app=checkout'}}),
    [2, 2, 3],
  );
});

scripted('answers by the kind of transaction', async (database, control) => {
  const sql = 'SELECT Id FROM Singers';
  const answer = id => ({columns: ['Id INT64'], rows: [[id]]});
  await control.stub({sql, transactionKind: 'READ_ONLY'}, answer(1));
  await control.stub({sql, transactionKind: 'READ_WRITE'}, answer(2));
  assert.deepStrictEqual(ids((await database.run(sql))[0]), [1]);
  const [snapshot] = await database.getSnapshot();
  assert.deepStrictEqual(ids((await snapshot.run(sql))[0]), [1]);
  await database.runTransactionAsync(async transaction => {
    assert.deepStrictEqual(ids((await transaction.run(sql))[0]), [2]);
    assert.deepStrictEqual(ids((await transaction.run(sql))[0]), [2]);
    await transaction.commit();
  });
});
