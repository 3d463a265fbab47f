local batch = require "support.batch_watch"
local new_screen = require "support.screen"
local progress = require "kavach.cli.batch.progress"
local style = require "kavach.cli.batch.style"
local words = require "kavach.cli.batch.words"

local ROWS <const> = 24

--- A display of a batch on a screen: what changes is `snapshot`.
local function show(columns, options)
  options = options or {}
  local self = { clock = batch.clock(), screen = new_screen(options.rows or ROWS, columns),
    snapshot = batch.snapshot(options.total or 200), size = { options.rows or ROWS, columns } }
  self.display = progress.open {
    snapshot = function() return self.snapshot end, out = self.screen,
    size = function() return self.size[1], self.size[2] end,
    now = self.clock.now, timer = self.clock.timer,
    style = options.style or style.new(true, true, true),
  }
  self.display:event { event = "begin", batch = "thumbnails", total = 200, jobs = 4 }
  return self
end

local function running(job, fields)
  local entry = { job = job, slot = 1, age_ms = 42000, attempt = 1, last_line = "" }
  for key, value in next, fields or {} do entry[key] = value end
  return entry
end

--- Nothing came that is not text or a known sequence, and no line was longer than the screen.
local function assert_in_order(screen)
  assert.same({}, screen.unknown)
  assert.equal(0, screen.wraps)
end

describe("the display of a batch", function()
  it("says how far it is, and what runs", function()
    local s = show(100)
    s.snapshot.counts.done, s.snapshot.counts.failed, s.snapshot.counts.retry = 88, 2, 3
    s.snapshot.running = { running("a.png", { last_line = "reading" }),
      running("b.png", { slot = 3, attempt = 2, age_ms = 130000, last_line = "10%\r\27[1m20%" }) }
    s.clock.pass(200)
    assert.same({
      "thumbnails  ██████████░░░░░░░░░░░░░░  90/200  45 %  2 failed  3 retrying",
      "  1 a.png 42s     reading",
      "  3 b.png  2m ×2  20%",
    }, s.screen:text())
    assert_in_order(s.screen)
    s.display:close()
  end)

  it("has neither bar nor estimate while the number of jobs is not known", function()
    local s = show(80)
    s.snapshot.counts.total = nil
    for done = 1, 100 do
      s.snapshot.counts.done = done
      s.display:changed()
      s.clock.pass(100)
    end
    assert.same({ "thumbnails  100  10/s" }, s.screen:text())
    s.display:close()
  end)

  it("shows as many running jobs as have room, and counts the others", function()
    for rows, jobs in pairs { [24] = 8, [12] = 8, [10] = 6, [5] = 1, [4] = 0 } do
      local s = show(60, { rows = rows })
      for i = 1, 20 do s.snapshot.running[i] = running("job " .. i, { slot = i }) end
      s.clock.pass(2000)
      local text = s.screen:text()
      assert.equal(jobs + 2, #text)
      local more = ("… %d %s"):format(20 - jobs, jobs > 0 and "more" or "running")
      assert.matches(more, text[#text], 1, true)
      s.display:close()
      assert.same({}, s.screen:text())
    end
    local s = show(60, { rows = 1 })
    s.clock.pass(2000)
    assert.same({}, s.screen:text())
    s.display:close()
  end)

  it("says whether the batch is paused or draining", function()
    local s = show(80)
    s.snapshot.paused = true
    s.clock.pass(200)
    assert.matches("0/200  0 %%  paused$", s.screen:text()[1])
    s.snapshot.paused, s.snapshot.draining = false, true
    s.clock.pass(100)
    s.display:changed()
    s.clock.pass(100)
    assert.matches("draining$", s.screen:text()[1])
    s.display:close()
  end)

  it("prints failures above it, with the last lines of their standard error", function()
    local s = show(80)
    s.clock.pass(200)
    local stderr = { text = "1\n\n2\nno \27[31mdelegate\27[0m\nbye\n" }
    s.display:event(batch.ended("frames/12.png", "failed", { attempt = 3, reason = "exit code 3",
      result = { duration_ms = 3200, stderr = stderr } }))
    s.display:event(batch.ended("frames/13.png", "retry", { reason = "its time was up",
      retry_ms = 2000 }))
    s.display:event { event = "skipped", job = "index", reason = "frames/12.png failed" }
    s.clock.pass(200)
    assert.same({
      "✗ frames/12.png: exit code 3, attempt 3, 3.2 s", "    2", "    no delegate", "    bye",
      "↻ frames/13.png: its time was up, attempt 1, again in 2.0 s",
      "- index: skipped: frames/12.png failed",
      "thumbnails  ░░░░░░░░░░░░░░░░░░░░░░░░  0/200  0 %",
    }, s.screen:text())
    assert_in_order(s.screen)
    s.display:close()
  end)

  it("finds the last lines of an output that is in a file", function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(("x"):rep(100000), "\nlast\n")
    file:flush()
    local s = show(80)
    s.display:event(batch.ended("a", "failed", { result = { stderr = { path = path } } }))
    s.clock.pass(200)
    assert.equal("    last", s.screen:text()[2])
    os.remove(path)
    s.display:close()
  end)

  it("prints what jobs have printed above it, a line when it is whole", function()
    local s = show(40)
    s.clock.pass(200)
    s.display:print "one\ntw"
    s.clock.pass(200)
    s.display:print "o\n"
    local other = s.display:stream()
    other:write "\27[2J\27]0;title\7a\tb \u{202e}\r\n10%\r20%"
    s.clock.pass(200)
    other:break_line()
    s.clock.pass(200)
    local text = s.screen:text()
    assert.same({ "one", "two" }, { text[1], text[2] })
    assert.equal("20%", text[4])
    assert.equal(5, #text)
    assert.same({ "\t" }, s.screen.unknown)
    s.display:close()
  end)

  it("becomes the summary", function()
    for _, case in ipairs {
      { { done = 200, total = 200 }, "done", { "✓ thumbnails: 200 done in 2m 10s" } },
      { { done = 197, failed = 2, skipped = 1, total = 200 }, "failed",
        { "✗ thumbnails: 197 done, 2 failed, 1 skipped in 2m 10s",
          "  kavach batch resume thumbnails --failed" } },
      { { done = 40, waiting = 160, total = 200 }, "signal 2",
        { "! thumbnails: 40 done, 160 left in 2m 10s (signal 2)",
          "  kavach batch resume thumbnails" } },
    } do
      local s = show(80)
      s.snapshot.running = { running "a", running "b" }
      s.clock.pass(500)
      s.display:event { event = "finished", counts = case[1], duration_ms = 130000,
        exit_code = 0, ending = case[2] }
      s.display:close()
      s.display:close()
      assert.same(case[3], s.screen:text())
      assert.same({}, s.clock.timers)
      assert.equal(1, s.screen.column)
    end
  end)

  it("leaves nothing where it was when it is closed without an end", function()
    local s = show(80)
    s.snapshot.running = { running "a" }
    s.clock.pass(500)
    do local _ <close> = s.display end
    assert.same({}, s.screen:text())
  end)

  it("has no colour and no other characters than ASCII where there are none", function()
    local s = show(80, { style = style.new(true, false, false) })
    local written = {}
    local write = s.screen.write
    function s.screen:write(bytes)
      written[#written + 1] = bytes
      return write(self, bytes)
    end
    s.snapshot.running = { running("日本\xff", { attempt = 2, last_line = "é" }) }
    s.snapshot.counts.done = 100
    s.clock.pass(200)
    s.display:event(batch.ended("日本", "failed"))
    s.clock.pass(200)
    assert.matches("^[\n\r\27\32-\126]*$", table.concat(written))
    assert.not_matches("\27%[%d*m", table.concat(written))
    assert.matches("############............  100/200", s.screen:text()[2], 1, true)
    s.display:close()
  end)
end)

describe("whatever jobs are called and print, the display of a batch", function()
  local NASTY <const> = {
    "a\nb", "\27[2J\27[1;1H", "\27]0;title\7", ("x"):rep(10240), "日本語" .. ("語"):rep(200),
    "\xff\xfe", "\u{202e}gnp.exe", ("e" .. ("\u{301}"):rep(30)):rep(20), "a\tb\rc", "\u{9b}31m",
    "👩‍💻👍🏽", " ", "%s",
  }

  for _, columns in ipairs { 80, 20 } do
    it(("is never wider than %d columns, and leaves nothing behind"):format(columns), function()
      local s = show(columns)
      s.screen:write "before\n"
      s.screen.wraps = 0
      for round, nasty in ipairs(NASTY) do
        s.snapshot.running = {}
        for i = 1, round % 11 do
          s.snapshot.running[i] = running(nasty, { slot = i * 100, last_line = nasty })
        end
        s.snapshot.batch = nasty
        s.snapshot.counts.done, s.snapshot.counts.failed = round * 10, round
        s.clock.pass(1000)
        s.display:event(batch.ended(nasty, "failed", { reason = nasty,
          result = { duration_ms = 5, stderr = { text = nasty:gsub("\n", " ") .. "|\n" } } }))
        s.clock.pass(1000)
      end
      assert_in_order(s.screen)
      s.display:close()
      local text = s.screen:text()
      assert.equal(1 + 2 * #NASTY, #text)
      for i = 2, #text, 2 do
        assert.matches("^✗ ", text[i])
        assert.matches("^    ", text[i + 1])
      end
    end)
  end
end)

describe("when the terminal changes, the display of a batch", function()
  it("fits the new size, and finds where lines that the terminal broke began", function()
    local s = show(80)
    for i = 1, 3 do s.snapshot.running[i] = running("job " .. i, { last_line = ("x"):rep(100) }) end
    s.clock.pass(200)
    local before = s.screen:text()
    -- as a terminal does: each line that is longer goes on in the next row
    local narrow = new_screen(ROWS, 30)
    narrow:write(table.concat(before, "\n") .. "\n")
    assert.is_true(narrow.wraps > 0)
    narrow.wraps, narrow.writes = 0, 0
    s.screen, s.display.out, s.size[2] = narrow, narrow, 30
    s.display:changed()
    s.clock.pass(200)
    assert.equal(4, #narrow:text())
    assert_in_order(narrow)
    s.display:close()
    assert.same({}, narrow:text())
  end)

  it("waits while the terminal takes nothing, and then shows how things are", function()
    local s = show(80)
    s.clock.pass(200)
    local writes = s.screen.writes
    s.screen.busy = true
    for done = 1, 50 do
      s.snapshot.counts.done = done
      s.display:event(batch.ended("j" .. done, "done"))
      s.clock.pass(100)
    end
    assert.equal(writes, s.screen.writes)
    s.screen.busy = false
    s.clock.pass(200)
    assert.matches("50/200", s.screen:text()[1], 1, true)
    s.display:close()
  end)
end)

describe("with thousands of jobs, the display of a batch", function()
  it("stays calm: few frames, few bytes, though all of them fail", function()
    local s = show(80, { total = 10000 })
    for i = 1, 8 do s.snapshot.running[i] = running("job " .. i, { slot = i }) end
    s.clock.pass(1000)
    local writes, bytes = s.screen.writes, s.screen.bytes
    for i = 1, 10000 do
      s.snapshot.counts.failed, s.snapshot.counts.waiting = i, 10000 - i
      s.snapshot.running[i % 8 + 1].job = "job " .. i
      s.display:event(batch.ended("job " .. i, "failed", { result = { duration_ms = 1,
        stderr = { text = ("no\n"):rep(5) } } }))
      if i % 2 == 0 then s.clock.pass(1) end
    end
    -- 10 000 in 5 s
    assert.is_true(s.screen.writes - writes <= 51, "at most ten frames a second")
    assert.is_true((s.screen.bytes - bytes) / 5 < 20000, "less than 20 kB a second")
    local news = table.concat(s.screen:text(), "\n")
    assert.matches("✗ job 1: it could not be run", news, 1, true)
    assert.matches("✗ [%d ]+ more failed", news)
    s.display:event { event = "finished", counts = { failed = 10000, total = 10000 },
      duration_ms = 5000, ending = "failed" }
    s.display:close()
    local shown, counted = 0, 0
    for _, line in ipairs(s.screen:text()) do
      if line:find "^✗ job" then shown = shown + 1 end
      local more = line:match "^✗ ([%d ]+) more failed"
      counted = counted + (more and tonumber((more:gsub(" ", ""))) or 0)
    end
    assert.equal(10000, shown + counted)
    assert.is_true(shown < 50)
    assert_in_order(s.screen)
  end)

  it("writes nothing while nothing changes, and once a second while ages do", function()
    local s = show(80)
    s.clock.pass(10000)
    assert.equal(1, s.screen.writes)
    s.snapshot.running = { running "a" }
    s.display:changed()
    for i = 1, 10 do
      s.snapshot.running[1].age_ms = 42000 + i * 1000
      s.clock.pass(1000)
    end
    assert.is_true(s.screen.writes >= 10 and s.screen.writes <= 12)
    s.display:close()
  end)
end)

describe("the estimate of a batch", function()
  local rate = require "kavach.cli.batch.progress.rate"

  --- A rate after so many seconds with so many ended in each.
  local function after(seconds, each, from)
    local r, ended, now = rate.new(0, from or 0), from or 0, 0
    for _ = 1, seconds * 10 do
      now, ended = now + 100, ended + each / 10
      r:sample(now, ended)
    end
    return r, now, ended
  end

  local function near(expected, value) assert.near(expected, value, expected * 0.02) end

  it("is the mean at a steady rate, however long that was", function()
    for _, seconds in ipairs { 2, 10, 60, 600 } do
      local r = after(seconds, 20, 5000)
      near(20, r:per_second(4))
      near(100000, r:remaining_ms(2000, 4))
    end
  end)

  it("follows a change within a few minutes, and grows while nothing ends", function()
    local r, now, ended = after(600, 20)
    for _ = 1, 1800 do
      now, ended = now + 100, ended + 0.5
      r:sample(now, ended)
    end
    assert.near(5, r:per_second(), 1)
    local before = r:remaining_ms(100)
    r:sample(now + 30000, ended)
    assert.is_true(r:remaining_ms(100) > before * 1.5)
  end)

  it("does not count a pause", function()
    local r, now, ended = after(20, 10)
    r:sample(now + 3600000, ended, true)
    near(10, r:per_second())
  end)

  it("is not said before enough have ended", function()
    local r = rate.new(0, 1000)
    r:sample(1000, 1100)
    assert.is_nil(r:per_second(4)) -- too early
    r = rate.new(0, 1000)
    r:sample(5000, 1003)
    assert.is_nil(r:remaining_ms(100, 4)) -- the first of each slot are not all there
    r:sample(6000, 1004)
    assert.is_number(r:remaining_ms(100, 4))
  end)

  it("is said no more exactly than it is known", function()
    for ms, text in pairs { [300] = "5s", [24000] = "25s", [59000] = "1m", [128000] = "2m 10s",
      [1510000] = "25m", [11400000] = "3h 10m", [90000000] = "1d 01h" } do
      assert.equal(text, words.estimate(ms))
    end
    local s = show(100)
    for i = 1, 90 do
      s.snapshot.counts.done = i
      s.clock.pass(1000)
      s.display:changed()
    end
    s.clock.pass(200)
    assert.matches("90/200  45 %%  1.0/s  ETA about 1m 50s$", s.screen:text()[1])
    s.display:close()
  end)
end)
