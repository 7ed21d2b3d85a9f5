// Notes for tests/report.py which case of tests/contract/ passed here: a reporter of `node --test`.

export default async function* caseReporter(source) {
  for await (const { type, data } of source) {
    if (type === "test:pass" && data.skip === undefined) yield `${data.name}\n`;
  }
}
