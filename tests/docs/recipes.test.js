// Each recipe has a transcript, which transcripts.test.js runs, and a C++ block,
// which stands in its test: the recipes and the tests of recipes_test.cc have
// the same titles and the same order.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const test = require('node:test');

const [intro, ...recipes] = fs.readFileSync('docs/recipes.md', 'utf8').split(/^## /m);
const [, ...tests] = fs.readFileSync('tests/docs/recipes_test.cc', 'utf8').split(/^TEST\(/m);

const titleOf = text => text.split('\n', 1)[0];
const withoutIndentation = text => text.replace(/^ +/gm, '');
const blocksOf = (text, language) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(match => match[1]);

test('there are recipes, and a test for each', () => {
  assert.ok(recipes.length >= 10, `${recipes.length} recipes`);
  assert.strictEqual(tests.length, recipes.length);
});

recipes.forEach((recipe, i) => {
  test(titleOf(recipe), () => {
    const [, title] = /^\d+\. (.*)$/.exec(titleOf(recipe));
    const anchor = titleOf(recipe).toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-');
    assert.ok(intro.includes(`\n${i + 1}. [${title}](#${anchor})\n`), 'the table of contents lacks it');

    assert.notStrictEqual(blocksOf(recipe, 'console').length, 0, 'it has no transcript');
    const blocks = blocksOf(recipe, 'cpp');
    assert.notStrictEqual(blocks.length, 0, 'it has no C++');
    const name = title.replace(/[^\w ]/g, '').replace(/(^| )(\w)/g, (_, __, letter) => letter.toUpperCase());
    assert.strictEqual(titleOf(tests[i]), `RecipesTest, ${name}) {`);
    for (const block of blocks) {
      assert.ok(withoutIndentation(tests[i]).includes(withoutIndentation(block)), `not in the test:\n${block}`);
    }
  });
});
