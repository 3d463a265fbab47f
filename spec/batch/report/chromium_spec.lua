-- The HTML report as a browser shows it: two starts of headless Chromium, some seconds each.

local host = require "support.host"
local html = require "kavach.batch.report.html"
local json = require "kavach.json"
local program = require "support.program"
local reader = require "support.batch_reader"

local BROWSER <const> = "chromium"
local WIDTHS <const> = { 320, 360, 1280 }
local HEIGHT <const> = 900

-- Measures the report in frames of some widths. Its own policy lets no script run in it, so the
-- page around it does: whether it is wider than the frame, and the least contrast of a text.
local PAGE <const> = [[
<!DOCTYPE html><meta charset="utf-8"><title>to be measured</title>
<body style="margin:0"><script>
const report = %s, widths = %s, found = {frames: []};
function rgb(text) { return text.match(/[\d.]+/g).map(Number) }
function luminance(c) {
  const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92
    : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function ground(view, element) {
  for (let at = element; at; at = at.parentElement) {
    const c = rgb(view.getComputedStyle(at).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
  return [255, 255, 255];
}
function contrast(view, document) {
  let least = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("svg")) continue;
    const a = luminance(rgb(view.getComputedStyle(element).color));
    const b = luminance(ground(view, element));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 80)];
  }
  return least;
}
function measure(frame, width) {
  const document = frame.contentDocument, view = frame.contentWindow;
  const least = contrast(view, document);
  found.frames.push({width, scroll: document.documentElement.scrollWidth,
    contrast: least[0], worst: least[1],
    svg: document.querySelector("svg").getBoundingClientRect().width,
    ground: view.getComputedStyle(document.body).backgroundColor});
  if (found.frames.length === widths.length) {
    const out = window.document.createElement("pre");
    out.textContent = "MEASURED" + JSON.stringify(found) + "END";
    window.document.body.append(out);
  }
}
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style = `border:0;display:block;width:${width}px;height:900px`;
  frame.onload = () => measure(frame, width);
  frame.srcdoc = report;
  document.body.append(frame);
}
</script>]]

local function example(path)
  local jobs, hostile = {}, "<script>parent.document.title='taken over'</script>"
  for i = 1, 40 do
    jobs[i] = { id = ("photos/2026/%d/%s"):format(i, ("long"):rep(i)), state = "done",
      attempts = { { from = i / 4, to = i / 4 + 1, slot = i % 4 + 1, max_rss_kb = 40000,
        cpu_ms = 900 } } }
  end
  jobs[41] = { id = hostile, state = "failed", tag = hostile, attempts = {
    { from = 1, state = "interrupted", slot = 1 },
    { from = 12, to = 13, epoch = 2, state = "failed", exit_code = 3,
      stderr = { text = hostile .. ("a line that is long "):rep(20) } } } }
  jobs[42] = { id = ("x"):rep(10240), state = "skipped", reason = "it needs " .. ("y"):rep(3000) }
  jobs[43] = { id = "late", state = "cancelled", attempts = {
    { from = 12, to = 13, epoch = 2, slot = 2, state = "cancelled" } } }
  local B <const>, S <const> = reader.BEGAN, reader.SECOND
  assert(html.write(reader.new { jobs = jobs, runs = {
    { epoch = 1, pid = 1, start = 1, boot_id = "none", jobs = 4, began_ns = B },
    { epoch = 2, pid = 1, start = 1, boot_id = "none", jobs = 4, began_ns = B + 12 * S,
      ended_ns = B + 14 * S, ending = "failed" },
  } }, path))
end

describe("the HTML report in a browser", function()
  local folder, remove
  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  -- A text as a string of JavaScript within a script element.
  local function literal(text) return (assert(json.encode(text)):gsub("<", "\\u003c")) end

  local function launch(options)
    return program.shell(("HOME='%s' %s --headless=new --no-sandbox --disable-gpu "
      .. "--disable-dev-shm-usage --hide-scrollbars --no-first-run --disable-background-networking "
      .. "--user-data-dir='%s/profile' --enable-logging=stderr --virtual-time-budget=4000 "
      .. "--window-size=1280,%d %s --dump-dom 'file://%s/page.html'"):format(folder, BROWSER,
      folder, HEIGHT, options, folder))
  end

  for _, scheme in ipairs { "light", "dark" } do
    it("fits a phone and a desk, and can be read, in a " .. scheme .. " scheme", function()
      if program.shell("command -v " .. BROWSER) ~= 0 then
        pending "chromium is not installed"
        return
      end
      example(folder .. "/report.html")
      host.write(folder .. "/page.html", PAGE:format(
        literal(host.slurp(folder .. "/report.html")), json.encode(WIDTHS)))
      local _, out, errors = launch(("--blink-settings=preferredColorScheme=%d --screenshot='%s'")
        :format(scheme == "dark" and 0 or 1, folder .. "/shot.png"))
      local found = out:match "MEASURED(%b{})END"
      assert.is_not_nil(found, errors)
      found = assert(json.decode((found:gsub("&(%l+);", { lt = "<", gt = ">", amp = "&" }))))
      for _, frame in ipairs(found.frames) do
        assert.is_true(frame.scroll <= frame.width, ("%d wide at %d"):format(frame.scroll,
          frame.width))
        assert.is_true(frame.contrast >= 4.5, ("%.2f: %s"):format(frame.contrast, frame.worst))
        assert.is_true(frame.svg > frame.width * 0.7, "the timeline has " .. frame.svg)
        assert.equal(scheme == "dark" and "rgb(20, 24, 27)" or "rgb(252, 252, 250)", frame.ground)
      end
      assert.equal(#WIDTHS, #found.frames)
      assert.matches("<title>to be measured</title>", out, 1, true)
      assert.is_nil(errors:find "CONSOLE", errors)
      local png = host.slurp(folder .. "/shot.png")
      assert.equal("\x89PNG\r\n\x1a\n", png:sub(1, 8))
      local width, height = string.unpack(">I4I4", png, 17)
      assert.same({ 1280, HEIGHT }, { width, height })
    end)
  end
end)
