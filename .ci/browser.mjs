// The page in a real browser: it works with and without JavaScript, and keeps to its policy.
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
const complaints = [];
page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
page.on('pageerror', (error) => complaints.push(String(error)));
page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
await page.setExtraHTTPHeaders({ 'User-Agent': '<script>alert(1)</script>' });
await page.goto(url);

check('the page names its service', (await page.title()).includes('rocket-demo-app'));
const row = page.locator('.endpoint', { hasText: '/api/process' });
await row.getByText('Try').click();
await row.locator('.answer-body', { hasText: 'success' }).waitFor({ timeout: 10_000 });
check('an endpoint can be tried in place', true);
const trace = page.locator('#traces details', { hasText: 'GET /api/process' }).first();
await trace.getByText('validate_data').first().waitFor({ timeout: 10_000 });
check('its trace appears live, opened, with the spans of the handler', true);
check('a script in a header is shown as text', await page.locator('script:not([src])').count() === 0
  && (await page.content()).includes('&lt;script&gt;alert(1)'));
check(`the browser has nothing to complain of ${complaints.join('; ')}`, complaints.length === 0);

await page.keyboard.press('Tab');
check('the keyboard reaches the page', await page.evaluate(() => document.activeElement !== document.body));
await page.setViewportSize({ width: 360, height: 740 });
check('a narrow screen needs no sideways scrolling',
  await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));

const plain = await browser.newContext({ javaScriptEnabled: false });
const still = await plain.newPage();
await still.goto(url);
check('without JavaScript the waterfalls are there', await still.locator('#traces svg').count() > 0);
await still.goto(`${url}/nowhere`);
check('an unknown address has a page that says so', (await still.content()).includes('404'));

await browser.close();
process.exit(failed ? 1 : 0);
