// Holds Azure Pipelines files against the language service of the editors: `lint.cjs MODULES SCHEMA FILE...` prints a JSON
// object of faults by file, each with its line.
const fs = require('fs');
const path = require('path');

const [modules, schemaFile, ...files] = process.argv.slice(2);
const from = (name) => require(require.resolve(name, { paths: [modules] }));
const { getLanguageService } = from('azure-pipelines-language-service');
const { TextDocument } = from('vscode-languageserver-types');
const parser = from('azure-pipelines-language-service/lib/parser/yamlParser');

const schema = JSON.parse(fs.readFileSync(schemaFile, 'utf8'));
// A task that came after the schema was made.
const added = { 'UseNode@1': ['version', 'checkLatest', 'retryCountOnDownloadFails', 'delayBetweenRetries'] };
for (const [name, inputs] of Object.entries(added)) {
  schema.definitions.task.properties.task.anyOf.push({ enum: [name], ignoreCase: 'value' });
  schema.definitions.task.anyOf.push({
    properties: {
      task: { pattern: `^${name}$`, ignoreCase: 'value' },
      inputs: { type: 'object', properties: Object.fromEntries(inputs.map((key) => [key, {}])), additionalProperties: false },
    },
    firstProperty: ['task'],
    required: ['task'],
  });
}

// The service writes what it does to the console, where the answer goes.
const print = console.log;
console.log = () => {};
// The provider of schemas has to reject: with an address of its own the service applies none, and every file passes.
const service = getLanguageService(async () => JSON.stringify(schema), [], async () => Promise.reject(new Error('none')), null, {});
service.configure({ validate: true, schemas: [{ uri: 'file:///schema.json', fileMatch: ['*.yml'], schema }] });

(async () => {
  const found = {};
  for (const file of files) {
    const document = TextDocument.create(`file:///${path.basename(file)}`, 'yaml', 1, fs.readFileSync(file, 'utf8'));
    const faults = await service.doValidation(document, parser.parse(document.getText()));
    found[file] = faults.map((fault) => `${fault.range.start.line + 1}: ${fault.message}`);
  }
  print(JSON.stringify(found));
})();
