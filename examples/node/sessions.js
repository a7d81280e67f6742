const {Spanner} = require('@google-cloud/spanner');

async function main() {
  // SPANNER_EMULATOR_HOST says where the emulator is; nothing else changes.
  const spanner = new Spanner({projectId: 'my-project'});
  const database = spanner.instance('my-instance').database('my-database');

  const [session] = await database.createSession({});
  const [metadata] = await session.getMetadata();
  console.log('created', metadata.name);

  await session.delete();
  try {
    await session.getMetadata();
  } catch (error) {
    console.log(error.message); // 5 NOT_FOUND: Session not found: projects/...
  }
  await database.close();
  spanner.close();
}

main();
