const {Spanner} = require('@google-cloud/spanner');

const SCHEMA = [
  'CREATE TABLE Singers (SingerId INT64 NOT NULL, Name STRING(1024)) PRIMARY KEY (SingerId)',
  'CREATE INDEX SingersByName ON Singers(Name)',
];

async function main() {
  const spanner = new Spanner({projectId: 'my-project'});

  const [instance, instanceOperation] = await spanner.createInstance('my-instance', {
    config: 'emulator-config',
    displayName: 'Tests',
    nodes: 1,
  });
  await instanceOperation.promise();

  const [database, databaseOperation] =
    await instance.createDatabase('my-database', {schema: SCHEMA});
  await databaseOperation.promise();

  const [update] = await database.updateSchema('ALTER TABLE Singers ADD COLUMN Born DATE');
  await update.promise();
  const [schema] = await database.getSchema();
  console.log(schema.join('\n'));

  const singers = database.table('Singers');
  await singers.insert({SingerId: '1', Name: 'Nina', Born: '1933-02-21'});
  const [databases] = await instance.getDatabases();
  console.log(databases.map(({id}) => id).join('\n'));

  await database.close();
  spanner.close();
}

main();
