// Reads one FHIR resource per line; prints per line the errors that the npm package "fhir" finds, as JSON.
const { Fhir } = require('fhir');
const readline = require('node:readline');

const fhir = new Fhir();
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const messages = fhir.validate(line, { errorOnUnexpected: true }).messages;
  const errors = messages.filter((m) => ['error', 'fatal'].includes(m.severity));
  console.log(JSON.stringify(errors.map((m) => `${m.location}: ${m.message}`)));
});
