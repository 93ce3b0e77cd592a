// tsdav, the library under many web and desktop clients: check.mjs URL USER PASSWORD

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { DAVClient } from "tsdav";

const [serverUrl, username, password] = process.argv.slice(2);
const MAKE =
  '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>' +
  "<collection/><C:addressbook/></resourcetype><displayname>tsdav</displayname></prop></set></mkcol>";

const card = (uid, name, ...lines) =>
  ["BEGIN:VCARD", "VERSION:3.0", `UID:${uid}`, `FN:${name}`, `N:${name};;;;`, ...lines, "END:VCARD", ""].join("\r\n");

async function login(credentials = { username, password }) {
  const client = new DAVClient({ serverUrl, credentials, authMethod: "Basic", defaultAccountType: "carddav" });
  await client.login();
  return client;
}

// The book as a device knows it after its first sync.
async function open(client, url) {
  const book = (await client.fetchAddressBooks()).find((found) => found.url === url);
  assert(book, `${url} is not among the address books`);
  return {
    ...book,
    objects: await client.fetchVCards({ addressBook: book }),
    objectMultiGet: (params) => client.addressBookMultiGet(params),
    fetchObjects: ({ collection }) => client.fetchVCards({ addressBook: collection }),
  };
}

const names = (objects) => objects.map(({ data }) => /^FN:(.*?)\r?$/m.exec(data)[1]).sort();

const checks = {
  async "a wrong password is refused"() {
    await assert.rejects(login({ username, password: "wrong" }));
  },

  async "login finds the address books and their names"(client, url) {
    const book = (await client.fetchAddressBooks()).find((found) => found.url === url);
    assert.equal(book.displayName, "tsdav");
    assert(book.ctag && book.syncToken);
    assert((await client.supportedReportSet({ collection: book })).includes("syncCollection"));
  },

  async "a card is created, updated and deleted"(client, url) {
    const addressBook = await open(client, url);
    const made = await client.createVCard({ addressBook, filename: "zoë.vcf", vCardString: card("zoe", "Zoë") });
    assert.equal(made.status, 201);
    let [object] = await client.fetchVCards({ addressBook });
    assert.equal(object.etag, made.headers.get("etag"));
    assert.deepEqual(names([object]), ["Zoë"]);

    const changed = await client.updateVCard({ vCard: { ...object, data: card("zoe", "Zoë 小龙") } });
    assert(changed.ok, `update: ${changed.status}`);
    const late = await client.updateVCard({ vCard: { ...object, data: card("zoe", "stale") } });
    assert.equal(late.status, 412);
    [object] = await client.fetchVCards({ addressBook });
    assert.deepEqual(names([object]), ["Zoë 小龙"]);

    assert((await client.deleteVCard({ vCard: object })).ok);
    assert.deepEqual(await client.fetchVCards({ addressBook }), []);
  },

  async "a card that exists is not created again"(client, url) {
    const addressBook = await open(client, url);
    const make = (name) => client.createVCard({ addressBook, filename: "ada.vcf", vCardString: card("ada", name) });
    assert.equal((await make("Ada")).status, 201);
    assert.equal((await make("Someone else")).status, 412);
    assert.deepEqual(names(await client.fetchVCards({ addressBook })), ["Ada"]);
  },

  async "another device receives exactly what changed, by token and by ctag"(client, url) {
    const addressBook = await open(client, url);
    const create = (name) =>
      client.createVCard({ addressBook, filename: `${name}.vcf`, vCardString: card(name, name) });
    for (const name of ["Ada", "Bob", "Eve"]) await create(name);

    const other = await login();
    const collection = await open(other, url);
    assert.deepEqual(names(collection.objects), ["Ada", "Bob", "Eve"]);
    const sync = async (method) => {
      const synced = await other.smartCollectionSyncDetailed({ collection, method, account: other.account });
      const { created, updated, deleted } = synced.objects;
      return [names(created), names(updated), deleted.map((gone) => gone.url)];
    };
    assert.deepEqual(await sync("webdav"), [[], [], []]);
    assert.deepEqual(await sync("basic"), [[], [], []]);

    const [bob] = (await client.fetchVCards({ addressBook })).filter((object) => names([object])[0] === "Bob");
    await client.updateVCard({ vCard: { ...bob, data: card("Bob", "Bob Dylan") } });
    await create("Zed");
    const gone = new URL("Eve.vcf", url).href;
    await client.deleteVCard({ vCard: { url: gone } });
    assert.deepEqual(await sync("webdav"), [["Zed"], ["Bob Dylan"], [gone]]);
    assert.deepEqual(await sync("basic"), [["Zed"], ["Bob Dylan"], [gone]]);
  },

  async "the default query finds every card with a name, and a filter only what matches"(client, url) {
    const addressBook = await open(client, url);
    for (const name of ["Zoë Ångström", "李小龙", "Bob"])
      await client.createVCard({
        addressBook,
        filename: `${randomUUID()}.vcf`,
        vCardString: card(name, name, `EMAIL;TYPE=home:${name === "Bob" ? "bob@example.org" : "other@example.net"}`),
      });
    assert.deepEqual(names(await client.fetchVCards({ addressBook })), ["Bob", "Zoë Ångström", "李小龙"]);
    const query = (property, text) =>
      client.addressBookQuery({
        url,
        depth: "1",
        props: { "d:getetag": {}, "card:address-data": {} },
        filters: { "prop-filter": { _attributes: { name: property }, "text-match": { _text: text } } },
      });
    const found = async (...wanted) =>
      names((await query(...wanted)).filter((r) => r.props?.addressData).map((r) => ({ data: r.props.addressData._cdata ?? r.props.addressData })));
    assert.deepEqual(await found("EMAIL", "@EXAMPLE.org"), ["Bob"]);
    assert.deepEqual(await found("FN", "ångSTRÖM"), ["Zoë Ångström"]);
    assert.deepEqual(await found("FN", "nobody"), []);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const client = await login();
  const url = new URL(`check-${randomUUID().slice(0, 8)}/`, client.account.homeUrl).href;
  const headers = { ...client.authHeaders, "Content-Type": "application/xml" };
  try {
    const made = await fetch(url, { method: "MKCOL", headers, body: MAKE });
    assert.equal(made.status, 201);
    await check(client, url);
    console.log(`ok     ${name}`);
  } catch (error) {
    failed += 1;
    console.error(error);
    console.log(`FAILED ${name}`);
  } finally {
    await fetch(url, { method: "DELETE", headers });
  }
}
process.exit(failed ? 1 : 0);
