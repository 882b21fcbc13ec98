// Pages through Observations with fhir-kit-client; prints how many there were and how many ids differ.
import { Client } from 'fhir-kit-client';

const [baseUrl, bearer, patient] = process.argv.slice(2);
const client = new Client({ baseUrl, customHeaders: { Authorization: `Bearer ${bearer}` } });
const ids = [];
let bundle = await client.search({ resourceType: 'Observation', searchParams: { patient } });
while (bundle) {
  ids.push(...(bundle.entry || []).map((e) => e.resource.id));
  bundle = await client.nextPage({ bundle });
}
console.log(JSON.stringify([ids.length, new Set(ids).size]));
