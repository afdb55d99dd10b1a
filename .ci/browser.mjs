// Tests the page in a real browser: with and without JavaScript, and under its content security policy.
import { chromium } from 'playwright-core';

const url = process.argv[2];
let failed = 0;

function check(sentence, holds) {
  console.log(`${holds ? 'ok' : 'FAIL'} - ${sentence}`);
  failed += holds ? 0 : 1;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const page = await browser.newPage();
const problems = [];
page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
page.on('pageerror', (error) => problems.push(String(error)));
page.on('requestfailed', (request) => problems.push(`${request.url()} failed`));
await page.setExtraHTTPHeaders({ 'User-Agent': '<script>alert(1)</script>' });
await page.goto(url);

check('the page has the service name in its title', (await page.title()).includes('rocket-demo-app'));
const row = page.locator('.endpoint', { hasText: '/api/process' });
await row.getByText('Try').click();
await row.locator('.answer-body', { hasText: 'success' }).waitFor({ timeout: 10_000 });
check('the Try button shows the response', true);
const trace = page.locator('#traces details', { hasText: 'GET /api/process' }).first();
await trace.getByText('validate_data').first().waitFor({ timeout: 10_000 });
check('the trace appears live and open, with the spans of the handler', true);
check('the page shows a script in a header as text', await page.locator('script:not([src])').count() === 0
  && (await page.content()).includes('&lt;script&gt;alert(1)'));
check(`the browser reports no problem ${problems.join('; ')}`, problems.length === 0);

await page.keyboard.press('Tab');
check('the keyboard reaches the page', await page.evaluate(() => document.activeElement !== document.body));
await page.setViewportSize({ width: 360, height: 740 });
check('a narrow screen needs no horizontal scrolling',
  await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));

const plain = await browser.newContext({ javaScriptEnabled: false });
const still = await plain.newPage();
await still.goto(url);
check('the page shows waterfalls without JavaScript', await still.locator('#traces svg').count() > 0);
await still.goto(`${url}/nowhere`);
check('an unknown address gets the 404 page', (await still.content()).includes('404'));

await browser.close();
process.exit(failed ? 1 : 0);
