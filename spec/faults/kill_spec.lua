--- A runner that is killed, with no time for a last word, at every state change of its batch.

local batches = require "support.batches"
local journal = require "kavach.batch.journal"
local kavach = require "kavach"
local lfs = require "lfs"

-- The script of the batch has its own process killed at the point $KILL_AT: before or after
-- something is given to the journal, when it is durable, before an event is told, around a file's
-- getting its name, and a step of making the journal; for the N-th time.
local SCRIPT <const> = [[
local core = require "kavach.core"
local journal = require "kavach.batch.journal"
local file = require "kavach.batch.journal.file"
local files = require "kavach.batch.files"
local place = require "kavach.batch.place"
local recover = require "kavach.batch.recover"
local store = require "kavach.store"
local start = math.tointeger(tonumber(require("kavach.proc").start_time "self"))
local at, counts = os.getenv "KILL_AT", {}

local function point(what)
  counts[what] = (counts[what] or 0) + 1
  what = ("%s:%d"):format(what, counts[what])
  if at == "none" then io.stdout:write("point ", what, "\n") end
  if what ~= at then return end
  io.stdout:write("killed ", what, "\n")
  io.stdout:flush()
  core.kill_process(core.getpid(), start)
end

-- Has a function be a point, before and after.
local function around(of, name)
  local real = of[name]
  of[name] = function(...)
    point("before " .. name)
    local results = table.pack(real(...))
    point("after " .. name)
    return table.unpack(results, 1, results.n)
  end
end

-- The same of one whose last argument is told when it is durable.
local function told(of, name)
  local real = of[name]
  of[name] = function(...)
    local given = table.pack(...)
    local done = given[given.n]
    if type(done) == "function" then
      given[given.n] = function(...)
        point("before the end of " .. name)
        done(...)
        point("after the end of " .. name)
      end
    end
    point("before " .. name)
    real(table.unpack(given, 1, given.n))
    point("after " .. name)
  end
end

local function patch(class)
  for _, name in ipairs { "add", "claim", "finish", "settle", "release", "interrupt_all",
    "end_run" } do
    told(class, name)
  end
  around(class, "begin_run")
end
for _, name in ipairs { "create", "open" } do
  local real = journal[name]
  journal[name] = function(...)
    local j, why = real(...)
    if j and patch then patch(getmetatable(j).__index) end
    patch = nil
    return j, why
  end
  around(file, name)
end
around(store, "open")
around(os, "rename")
around(files, "sweep")
around(place, "clear")
around(recover, "clear")
local tell = getmetatable(require("kavach.batch.schedule").new { source = {} }).__index
local real_tell = tell.tell
function tell.tell(self, event)
  point "before tell"
  if event.event == "ended" then
    -- At once, and not when its turn comes.
    io.stdout:write("told ", event.job, " ", event.state, "\n")
    io.stdout:flush()
  end
  return real_tell(self, event)
end

local kavach = require "kavach"
local batch = kavach.batch {
  name = "walk", jobs = 2, sandbox = false, retry_delay_ms = 1, retry_max_ms = 1,
}
local ran = 'echo "$KAVACH_ATTEMPT" >>"$HOME/ran-$KAVACH_JOB"; '
batch:job { id = "again", retries = 1,
  command = ran .. '[ "$KAVACH_ATTEMPT" -gt 1 ] || exit 3; seq 20000' }
batch:job { id = "fails", command = ran .. "exit 4" }
batch:job { id = "skipped", needs = { "fails" }, command = ran .. "true" }
batch:job { id = "daemon", command = ran .. "setsid sleep 60 >/dev/null 2>&1 & echo $!",
  needs = { "again" } }
return batch
]]

local FINAL <const> = { again = "done", daemon = "done", fails = "failed", skipped = "skipped" }

-- Whether there is a journal: not of one that was killed while it made it.
local function has_journal(here)
  if not lfs.attributes(here:path "walk.db") then return false end
  local r, why = journal.reader(here:path "walk.db")
  assert.is_true(r ~= nil or why.empty, tostring(why))
  if r then r:close() end
  return r ~= nil
end

-- How many attempts of a job have run, each of them once.
local function times(here, id)
  local count, seen = 0, {}
  for number in (here:read("ran-" .. id) or ""):gmatch "%d+" do
    assert.is_nil(seen[number], ("attempt %s of %s ran twice"):format(number, id))
    count, seen[number] = count + 1, true
  end
  return count
end

-- The jobs that are committed, and how often they have run.
local function committed(here)
  local found = {}
  if not has_journal(here) then return found end
  for id, job in pairs(here:jobs "walk") do
    local dones = 0
    for _, attempt in ipairs(job.tries) do
      if attempt.state == "done" then dones = dones + 1 end
    end
    assert.equal(job.state == "done" and 1 or 0, dones, id)
    assert.is_true(times(here, id) <= #job.tries)
    if job.state == FINAL[id] then found[id] = times(here, id) end
  end
  return found
end

-- Runs or resumes it, to be killed at a point. Returns whether it got there, and what it printed.
local function go(here, at)
  local before = committed(here)
  local words = has_journal(here) and { "resume", "walk", "--json" } or { "script.lua", "--json" }
  words[#words + 1] = { KILL_AT = at }
  local code, out, errors = here:run(table.unpack(words))
  local killed = out:find "killed [^\n]*\n" ~= nil
  assert.equal(killed and 137 or 2, code, errors .. out)
  local now = committed(here)
  for id, count in pairs(before) do assert.equal(count, now[id], id .. " ran again") end
  -- What was told has happened.
  for id, state in out:gmatch "told (%w+) (%w+)\n" do
    if state ~= "retry" then assert.is_number(now[id], out) end
  end
  return killed, out
end

local function check_end(here)
  local jobs = here:jobs "walk"
  for id, state in pairs(FINAL) do
    assert.equal(state, jobs[id].state, id)
    for i, attempt in ipairs(jobs[id].tries) do
      assert.equal(i, attempt.number)
      assert.is_number(attempt.committed_ns)
    end
  end
  local r <close> = here:reader "walk"
  local last = jobs.again.tries[#jobs.again.tries]
  local output = r:output(jobs.again.seq, nil, "stdout")
  assert.same({ "done", 108894 }, { last.state, output.bytes })
  assert.equal(108894, lfs.attributes(output.path, "size"))
  -- Nothing else is kept, half or whole.
  assert.same({ ("%d-%d"):format(jobs.again.seq, last.number) }, here:outputs "walk")
  local runs = r:runs()
  assert.equal("failed", runs[#runs].ending)
end

-- Calls it with a place where the batch's script is; then nothing of it may be left.
local function with_place(fn)
  local here = batches.place()
  local _ <close> = setmetatable({}, { __close = here.remove })
  here:write("script.lua", SCRIPT)
  local result = fn(here)
  check_end(here)
  assert.is_true(here:gone())
  return result
end

describe("a batch whose runner is killed", function()
  it("goes on where it was, at every state change, and nothing is lost or done twice", function()
    local points = with_place(function(here)
      local killed, out = go(here, "none")
      assert.is_false(killed)
      local points = {}
      for what in out:gmatch "point ([^\n]*)\n" do points[#points + 1] = what end
      return points
    end)
    local at = 0
    kavach.map(function()
      at = at + 1
      return points[at]
    end, { concurrency = 4 }, function(point, i)
      with_place(function(here)
        -- What comes in another order this time may not come so often.
        if not go(here, point) then
          assert.is_not_equal(":1", point:sub(-2), point)
          return
        end
        -- Some are killed again, elsewhere, while they go on.
        if i % 2 == 0 then go(here, points[i * 7 % #points + 1]) end
        assert.is_false((go(here, "no more")))
      end)
    end)
    assert.is_true(#points > 60, #points)
  end)
end)
