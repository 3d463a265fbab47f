--- 256 MiB of standard output of a guest, to /dev/null.

local process = require "kavach.process"
local task = require "kavach.task"
local support = require "support"

local MIB <const> = 256
local LOOK_MS <const> = 10
-- A file with a hole, which costs the guest nothing to make and little to read.
local COMMAND <const> = ("truncate -s %dM /run/zeros && cat /run/zeros"):format(MIB)

local function memory_of(pid)
  local file <close> = io.open(("/proc/%d/status"):format(pid))
  local text = file and file:read "a" or ""
  return tonumber(text:match "VmRSS:%s*(%d+)"), tonumber(text:match "VmHWM:%s*(%d+)")
end

-- What --verbose says, by its step: milliseconds.
local function steps_of(host, steps)
  local text = ""
  while true do
    local bytes = host:read_stderr()
    if not bytes then return end
    text = text .. bytes
    for ms, step in text:gmatch "kavach:%s*(%d+) ms: ([^\n]*)\n" do steps[step] = tonumber(ms) end
  end
end

-- Looks at the host's memory all the time: what it was at last before the command began, and the
-- most that it ever was.
local function watch_memory(host, steps, seen)
  while not steps["the command has ended"] do
    local now, most = memory_of(host:pid())
    if not now then return end
    if not steps["the command has started"] then seen.before = now end
    seen.most = most
    task.sleep(LOOK_MS)
  end
end

--- One stream: MiB a second, and by how many KiB the host's memory grew.
local function stream()
  local steps, seen = {}, {}
  local host <close> = assert(process.start({ support.kavach, "run", "--verbose", COMMAND },
    { stdout = "null" }))
  function host:read_stderr() return self.stderr:read() end
  task.scope(function()
    task.spawn(steps_of, host, steps)
    task.spawn(watch_memory, host, steps, seen)
  end)
  assert(host:wait().exit_code == 0)
  local ms = steps["the command has ended"] - steps["the command has started"]
  return MIB / ms * 1000, seen.most - seen.before
end

return function(runs)
  local folder <close> = support.folder()
  local guest <close> = support.bare_guest(folder.path)
  local growths = {}
  local ours, theirs = support.interleave(runs, function()
    local rate, growth = stream()
    growths[#growths + 1] = growth
    return rate
  end, function()
    return MIB / (guest:ask(("drain %d %s"):format(MIB << 20, COMMAND)) / 1e9)
  end)
  local version = support.qemu_version()
  return {
    { what = ("kavach run '%s' > /dev/null"):format(COMMAND), unit = "MiB/s",
      peer = "the same without an agent, read and dropped", version = version,
      ours = ours, theirs = theirs, at_least = 0.8 },
    { what = "memory that the host grew by meanwhile", unit = "KiB", version = version,
      ours = growths, at_most = 4096 },
  }
end
