// Reads the documentation: which pages there are, and the code blocks in them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const ROOT_PAGES = ['README.md', 'CONTRIBUTING.md', 'bench/README.md'];

const pages = [
  ...ROOT_PAGES,
  ...fs.readdirSync('docs', {recursive: true}).map(name => path.join('docs', name)).sort(),
].filter(name => name.endsWith('.md'));

// The page's code blocks, in their order: `language`, `text`, the `line` where
// each begins, and `from`, the file that `<!-- from: FILE -->`, just above the
// block, says that it is from. `flags` comes in place of a block where
// `<!-- flags: … -->` says which flags a server has that the page does not show.
function blocksOf(page) {
  const blocks = [];
  let from = null;
  let open = null;
  fs.readFileSync(page, 'utf8').split('\n').forEach((line, i) => {
    const [, fence] = /^ *```(.*)$/.exec(line) ?? [];
    if (open !== null) {
      if (fence === undefined) {
        open.text += `${line}\n`;
      } else {
        blocks.push(open);
        open = null;
      }
    } else if (fence !== undefined) {
      open = {language: fence, text: '', line: i + 1, from};
      from = null;
    } else if (/^<!-- flags: .* -->$/.test(line)) {
      blocks.push({flags: line.slice('<!-- flags: '.length, -' -->'.length)});
    } else if (/^<!-- from: .* -->$/.test(line)) {
      from = line.slice('<!-- from: '.length, -' -->'.length);
    } else if (line !== '') {
      from = null;
    }
  });
  return blocks;
}

module.exports = {blocksOf, pages};
