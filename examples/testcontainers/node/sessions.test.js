const assert = require('node:assert');
const {test} = require('node:test');
const {GenericContainer, Wait} = require('testcontainers');

test('creates a session', async () => {
  const emulator = await new GenericContainer('spanner-session-emulator:latest')
      .withExposedPorts(9010, 9020)
      .withWaitStrategy(Wait.forLogMessage('Cloud Spanner emulator running.'))
      .start();
  try {
    const host = emulator.getHost();
    // What Google's client library looks at.
    process.env.SPANNER_EMULATOR_HOST = `${host}:${emulator.getMappedPort(9010)}`;
    const reply = await fetch(
        `http://${host}:${emulator.getMappedPort(9020)}` +
        '/v1/projects/p/instances/i/databases/d/sessions', {method: 'POST'});
    assert.strictEqual(reply.status, 200);
  } finally {
    await emulator.stop();
  }
});
