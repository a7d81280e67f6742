// The server's control API, by REST: what calls are to get, and how sessions and
// the clock are moved.
'use strict';

class Control {
  constructor({httpPort}) {
    this.url = `http://localhost:${httpPort}/emulator/v1/`;
  }

  // Adds a stub that answers the first call that matches with the first of
  // `answers`, the second with the second, and all others with the last.
  async stub(match, ...answers) {
    const stub = answers.length === 1 ? {match, answer: answers[0]} : {match, answers};
    return this.#call('POST', 'stubs', stub);
  }

  // How many calls the stub has answered.
  async hits({name}) {
    return Number((await this.#call('GET', name)).hitCount ?? 0);
  }

  // Of all databases.
  async sessionCounts() {
    return this.#call('GET', 'sessionCounts');
  }

  // Deletes every session, as if the server had lost them; returns how many.
  async loseSessions() {
    return Number((await this.#call('POST', 'sessions:delete', {selection: {}})).sessionCount);
  }

  // Makes the clock stand still; returns its time.
  async stopClock() {
    return (await this.#call('POST', 'clock:stop', {})).time;
  }

  async #call(method, path, message) {
    const response = await fetch(this.url + path, {
      method,
      headers: {'content-type': 'application/json'},
      body: message && JSON.stringify(message),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text);
  }
}

module.exports = {Control};
