const fs = require('fs');
const {Spanner} = require('@google-cloud/spanner');
const {credentials, Metadata} = require('google-gax').grpc;

async function main() {
  const spanner = new Spanner({
    projectId: 'my-project',
    servicePath: 'localhost',
    port: 9010,
    disableBuiltInMetrics: true,
    sslCreds: credentials.combineChannelCredentials(
      credentials.createSsl(fs.readFileSync('certs/ca.pem')),
      // A token that never changes.
      credentials.createFromMetadataGenerator((options, callback) => {
        const metadata = new Metadata();
        metadata.set('authorization', 'Bearer app-token');
        callback(null, metadata);
      }),
    ),
  });
  const database = spanner.instance('my-instance').database('my-database');

  const [session] = await database.createSession({});
  console.log('created', session.formattedName_);

  await session.delete();
  await database.close();
  spanner.close();
}

main();
