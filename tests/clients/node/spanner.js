// Google's client library for Node as people use it, sent to a server of its
// own. Needs the library, which server.js does not.
'use strict';

const assert = require('node:assert');
const {Spanner} = require('@google-cloud/spanner');
const {withServer} = require('./server.js');

// Nothing here may leave the machine. The library looks for a cloud machine's
// metadata server even when it is told to use an emulator, and gRPC asks the
// DNS for a service configuration of `localhost`.
process.env.METADATA_SERVER_DETECTION = 'none';
const LOCAL = {'grpc.service_config_disable_resolution': 1};

const DATABASE = 'projects/test-project/instances/test-instance/databases/test-database';

// Runs `body` with what a user's program has, and the server: the library is
// sent there by the environment, and has these `variables` beside.
function withSpanner(variables, body) {
  return withServer([], async server => {
    const env = {SPANNER_EMULATOR_HOST: server.address, ...variables};
    Object.assign(process.env, env);
    const spanner = new Spanner({...LOCAL, projectId: 'test-project'});
    try {
      await body(spanner.instance('test-instance').database('test-database'), server);
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      await spanner.close();
    }
  });
}

const errorOf = promise =>
  promise.then(() => assert.fail('the call succeeded'), error => error);

module.exports = {DATABASE, LOCAL, errorOf, withSpanner};
