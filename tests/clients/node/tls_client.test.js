// Google's client library for Node, as it is published, over TLS and with a
// token, as against production: only the endpoint, whom to trust, and who gives
// out tokens are other than there.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {Spanner, v1} = require('@google-cloud/spanner');
const gax = require('google-gax');
const {withServer} = require('./server.js');

// Nothing here may leave the machine.
process.env.METADATA_SERVER_DETECTION = 'none';
const {credentials} = gax.grpc;
const {OAuth2Client} = gax.googleAuthLibrary;

const TOKEN = 'ya29.not-a-real-token';
const DATABASE = 'projects/test-project/instances/test-instance/databases/test-database';
const CASE = {timeout: 60_000};

const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR || os.tmpdir(), 'certs-'));
const SELF_SIGNED = `--tls_self_signed=${folder}`;
const pem = name => fs.readFileSync(path.join(folder, name));

// Sends the token with each call, as the library does with one from Google.
function tokenCredentials(token) {
  const client = new OAuth2Client();
  client.setCredentials({access_token: token});
  return credentials.createFromGoogleCredential({
    getRequestHeaders: async url =>
      Object.fromEntries((await client.getRequestHeaders(url)).entries()),
  });
}

// Of a client that trusts the server's authority, or another one, and may have a
// token and a certificate.
function optionsFor(port, {token, ca = pem('ca.pem'), key = null, cert = null} = {}) {
  const tls = credentials.createSsl(ca, key, cert);
  return {
    projectId: 'test-project',
    servicePath: 'localhost',
    port,
    sslCreds: token ? credentials.combineChannelCredentials(tls, tokenCredentials(token)) : tls,
    disableBuiltInMetrics: true,
    'grpc.service_config_disable_resolution': 1,
  };
}

// Runs `body` with a generated client that calls the server at this port.
async function withClient(port, options, body) {
  const client = new v1.SpannerClient(optionsFor(port, options));
  try {
    await body(client);
  } finally {
    await client.close();
  }
}

const errorOf = promise => promise.then(() => assert.fail('the call succeeded'), error => error);
// Fails at once where the library would try again.
const ONCE = {retry: null, timeout: 5_000};

test('calls over TLS', CASE, () =>
  withServer([SELF_SIGNED], ({port}) =>
    withClient(port, {token: TOKEN}, async client => {
      const [{name}] = await client.createSession({database: DATABASE});
      const [session] = await client.getSession({name});
      assert.strictEqual(session.name, name);
    }),
  ));

test('a program that uses the library over TLS', CASE, () =>
  withServer([SELF_SIGNED], async ({port}) => {
    const spanner = new Spanner(optionsFor(port, {token: TOKEN}));
    const database = spanner.instance('test-instance').database('test-database');
    const [session] = await database.createSession({});
    const [metadata] = await session.getMetadata();
    assert.strictEqual(metadata.name, session.formattedName_);
    await session.delete();
    await database.close();
    await spanner.close();
  }));

test('a client that does not trust the authority', CASE, () =>
  withServer([SELF_SIGNED], ({port}) =>
    withClient(port, {ca: null}, async client => {
      const error = await errorOf(client.createSession({database: DATABASE}, ONCE));
      assert.match(error.message, /certificate/);
    }),
  ));

test('certificates of clients', CASE, async () => {
  await withServer([SELF_SIGNED, `--tls_client_ca=${folder}/ca.pem`], async ({port}) => {
    const pair = {cert: pem('client.pem'), key: pem('client-key.pem')};
    await withClient(port, {token: TOKEN, ...pair}, async client => {
      const [{name}] = await client.createSession({database: DATABASE});
      assert.ok(name);
    });
    await withClient(port, {token: TOKEN}, async client => {
      const error = await errorOf(client.createSession({database: DATABASE}, ONCE));
      assert.ok([gax.Status.UNAVAILABLE, gax.Status.DEADLINE_EXCEEDED].includes(error.code), error);
    });
  });
});

// ---- With a policy, the token is looked at.

const policyFile = path.join(folder, 'policy.json');
fs.writeFileSync(
  policyFile,
  JSON.stringify({
    principals: [
      {
        name: 'sufficient',
        token: TOKEN,
        grants: [
          {
            permissions: ['create', 'get', 'delete'].map(verb => `spanner.sessions.${verb}`),
            resources: [DATABASE],
          },
        ],
      },
      {
        name: 'insufficient',
        token: 'may-not-get',
        grants: [{permissions: ['spanner.sessions.create'], resources: [DATABASE]}],
      },
      {
        name: 'wrong-scope',
        token: 'not-for-data',
        scopes: ['https://www.googleapis.com/auth/devstorage.read_only'],
        grants: [{roles: ['roles/spanner.admin']}],
      },
    ],
  }),
);

const withPolicy = body => withServer([SELF_SIGNED, `--auth_policy=${policyFile}`], body);

// What the library makes of an error and its ErrorInfo.
function assertError(error, code, details, reason, metadata) {
  assert.strictEqual(error.code, code, String(error));
  assert.strictEqual(error.details, details);
  assert.strictEqual(error.reason, reason);
  assert.deepStrictEqual({...error.errorInfoMetadata}, metadata);
}

const CALLED = {service: 'spanner.googleapis.com', method: 'google.spanner.v1.Spanner.GetSession'};

test('a program passes with a sufficient policy', CASE, () =>
  withPolicy(async ({port}) => {
    const spanner = new Spanner(optionsFor(port, {token: TOKEN}));
    const database = spanner.instance('test-instance').database('test-database');
    const [session] = await database.createSession({});
    const [metadata] = await session.getMetadata();
    assert.strictEqual(metadata.name, session.formattedName_);
    await session.delete();
    await database.close();
    await spanner.close();
  }));

test('a program fails with an insufficient policy', CASE, () =>
  withPolicy(async ({port}) => {
    const spanner = new Spanner(optionsFor(port, {token: 'may-not-get'}));
    const database = spanner.instance('test-instance').database('test-database');
    const [session] = await database.createSession({});
    const resource = session.formattedName_;
    const permission = 'spanner.sessions.get';
    const details = `Caller is missing IAM permission ${permission} on resource ${resource}`;
    const error = await errorOf(session.getMetadata());
    assert.strictEqual(error.code, gax.Status.PERMISSION_DENIED, String(error));
    assert.strictEqual(error.details, details);
    await database.close();
    await spanner.close();

    // The generated client makes more of the same error.
    await withClient(port, {token: 'may-not-get'}, async client =>
      assertError(
        await errorOf(client.getSession({name: resource}, ONCE)),
        gax.Status.PERMISSION_DENIED,
        details,
        'IAM_PERMISSION_DENIED',
        {permission, resource},
      ),
    );
  }));

test('tokens that are not good for the call', CASE, () =>
  withPolicy(async ({port}) => {
    const name = `${DATABASE}/sessions/s`;
    for (const [token, code, message, reason] of [
      [
        undefined,
        gax.Status.UNAUTHENTICATED,
        /^Request is missing required authentication credential\./,
        'CREDENTIALS_MISSING',
      ],
      [
        'nobody-has-this',
        gax.Status.UNAUTHENTICATED,
        /^Request had invalid authentication credentials\./,
        'ACCESS_TOKEN_TYPE_UNSUPPORTED',
      ],
      [
        'not-for-data',
        gax.Status.PERMISSION_DENIED,
        /^Request had insufficient authentication scopes\.$/,
        'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
      ],
    ]) {
      await withClient(port, {token}, async client => {
        const error = await errorOf(client.getSession({name}, ONCE));
        assert.match(error.details, message);
        assertError(error, code, error.details, reason, CALLED);
      });
    }
  }));
