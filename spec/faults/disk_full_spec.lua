--- A disk that is full, at every write of a batch: with less and less space on a small file system.

local batches = require "support.batches"
local program = require "support.program"

-- In a mount namespace of its own, where the folder of journals is a small file system. Each line
-- that it prints says what became of a batch with so many KiB of space.
local DRIVER <const> = [[
local batches = require "support.batches"
local lfs = require "lfs"
local here = batches.place()
local _ <close> = setmetatable({}, { __close = function()
  os.execute(("umount '%s'"):format(here.state))
  here.remove()
end })
if not os.execute(("mount -t tmpfs -o size=1m tmpfs '%s'"):format(here.state)) then os.exit(99) end

local RAN <const> = "echo $KAVACH_ATTEMPT >>$HOME/ran-$KAVACH_JOB; "
here:write("script.lua", ([=[
  local batch = require("kavach").batch { name = "full", jobs = 2, sandbox = false }
  for i = 1, 6 do
    batch:job { id = "job" .. i, command = %q .. "head -c 3000 /dev/zero | tr '\\0' x" }
  end
  batch:job { id = "large", command = %q .. "seq 20000", needs = { "job1" } }
  batch:job { id = "needs", command = %q .. "true", needs = { "job2" } }
  return batch
]=]):format(RAN, RAN, RAN))

local function times(id)
  return select(2, (here:read("ran-" .. id) or ""):gsub("\n", ""))
end

-- The jobs that are told to be done, and how often they have run.
local function told(out, done)
  for event in out:gmatch '[^\n]*"event":"ended"[^\n]*' do
    local id, state = event:match '"job":"(%w+)"', event:match '"state":"(%w+)"'
    assert(state == "done" or state == "waiting", event)
    if state == "done" then
      assert(not done[id], id .. " is told twice")
      done[id] = times(id)
    end
  end
  return done
end

local function check(space)
  os.execute(("rm -rf '%s'/kavach '%s'/ran-*"):format(here.state, here.folder))
  os.execute(("head -c %d /dev/zero >'%s'/filler"):format((1024 - space) * 1024, here.state))
  local code, out, errors = here:run("script.lua", "--json")
  assert(code == 3 or code == 0, errors)
  local done = told(out, {})
  local count = 0
  for _ in pairs(done) do count = count + 1 end
  local made = lfs.attributes(here:path "full.db") ~= nil
  local begun = out:find('"event":"begin"', 1, true) ~= nil
  local kind = code == 0 and "through" or not begun and "none"
    or count > 0 and "some" or "begun"
  if code == 3 then
    assert(errors:find("full", 1, true) or errors:find("No space left", 1, true), errors)
    if begun then
      assert(errors:find("when it can be written to again: kavach batch resume full", 1, true),
        errors)
    end
  end
  if made then
    -- As long as there is none it is the same.
    code, out, errors = here:run("resume", "full", "--json")
    assert(code == 3 or code == 0, errors)
    told(out, done)
  end
  os.remove(here.state .. "/filler")
  if made then
    code, out, errors = here:run("resume", "full", "--json")
  else
    code, out, errors = here:run("script.lua", "--json")
  end
  assert(code == 0, errors)
  for id, before in pairs(told(out, {})) do
    assert(not done[id], id .. " is told again")
    done[id] = before
  end
  local jobs = here:jobs "full"
  for id, before in pairs(done) do
    assert(jobs[id].state == "done" and times(id) == before, id .. " has run again")
    count = count + 1
  end
  assert(here:status("full").counts.done == 8)
  assert(#here:outputs "full" == 1, table.concat(here:outputs "full", " "))
  print(space, kind)
end

for _, space in ipairs { 0, 20, 40, 60, 75 } do check(space) end
for space = 90, 290, 20 do check(space) end
check(900)
]]

-- The same, where only the folder of large outputs is on the small file system.
local OUTPUTS <const> = [[
local batches = require "support.batches"
local here = batches.place()
local outputs = here:path "full.out"
local _ <close> = setmetatable({}, { __close = function()
  os.execute(("umount '%s'"):format(outputs))
  here.remove()
end })
os.execute(("mkdir -p -m 700 '%s'"):format(outputs))
if not os.execute(("mount -t tmpfs -o size=64k,mode=700 tmpfs '%s'"):format(outputs)) then
  os.exit(99)
end
here:write("script.lua", [=[
  local batch = require("kavach").batch { name = "full", jobs = 1, sandbox = false, retries = 3,
    retry_delay_ms = 1 }
  for i = 1, 3 do
    batch:job { id = "small" .. i, command = "echo small", priority = i == 1 and 2 or 0 }
  end
  batch:job { id = "large", command = "seq 20000", priority = 1 }
  return batch
]=])
local code, out, errors = here:run("script.lua", "--json")
assert(code == 3, errors)
assert(errors:find("kavach: batch[ %l]*: what job 'large' has brought cannot be kept: stdout: "
  .. "[^\n]*No space left on device\n"), errors)
assert(out:find '"event":"ended"[^\n]*"job":"large"[^\n]*"state":"waiting"', out)
local jobs = here:jobs "full"
assert(jobs.small1.state == "done" and jobs.large.state == "waiting" and #jobs.large.tries == 1)
assert(jobs.small2.state == "waiting" and #jobs.small2.tries == 0)
assert(#here:outputs "full" == 0, table.concat(here:outputs "full", " "))
os.execute(("mount -o remount,size=1m '%s'"):format(outputs))
code, out, errors = here:run("resume", "full", "--json")
assert(code == 0, errors)
assert(not out:find '"event":"ended"[^\n]*"job":"small1"', out)
local r <close> = here:reader "full"
assert(r:output(jobs.large.seq, nil, "stdout").bytes == 108894)
]]

describe("a full disk", function()
  local here
  before_each(function() here = batches.place() end)
  after_each(function() here.remove() end)

  -- What such a driver prints.
  local function run(driver)
    local code, out, errors = program.shell(("LUA_PATH='%s' unshare -m '%s' '%s'"):format(
      "./spec/?.lua;" .. package.path, program.absolute, here:write("driver.lua", driver)))
    if code == 99 or errors:find "unshare" then
      return pending("no file system can be mounted here: " .. errors)
    end
    assert.same({ 0, "" }, { code, errors }, out)
    return out
  end

  it("has no job told as done that is not, and a batch go on when there is space", function()
    local out, kinds = run(DRIVER), {}
    for kind in out:gmatch "%d+\t(%l+)" do kinds[kind] = (kinds[kind] or 0) + 1 end
    for _, kind in ipairs { "none", "begun", "some", "through" } do
      assert.is_number(kinds[kind], kind .. "\n" .. out)
    end
  end)

  it("where only large outputs are kept stops the batch before the job is told as done", function()
    run(OUTPUTS)
  end)

  it("where only reports are does not stop a batch, which says so", function()
    here:write("script.lua", [[
      local batch = require("kavach").batch { name = "fine", jobs = 2, sandbox = false }
      for i = 1, 3 do batch:job { id = "job" .. i, command = "echo some" } end
      return batch
    ]])
    os.execute(("ln -s /dev/full '%s/full'"):format(here.folder))
    local code, _, errors = here:run("script.lua", "--quiet", "--joblog", "/dev/full")
    assert.equal(1, code)
    assert.equal(1, select(2, errors:gsub("kavach: batch: %-%-joblog: /dev/full: No space left on "
      .. "device\n", "")), errors)
    assert.equal(3, here:status("fine").counts.done)
    code, _, errors = here:run("report", "fine", "--html", "/dev/full")
    assert.equal(1, code)
    assert.matches("No space left on device", errors)
  end)
end)
