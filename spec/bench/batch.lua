--- Batches: jobs as plain processes and in VMs, a generator of very many, and resuming.

local core = require "kavach.core"
local json = require "kavach.json"
local process = require "kavach.process"
local quote = require "kavach.sandbox.quote"
local support = require "support"

local COUNT <const>, VMS <const> = 2000, 40
local MANY <const>, FIRST <const> = 1000000, 1000
--- Of a journal that is resumed: how many jobs it is made of, and how many of them have ended.
local KNOWN <const>, ENDED <const> = 100000, 99000

local XARGS <const> = { "xargs", "--version" }
local PARALLEL <const> = { "parallel", "--version" }

-- Jobs one after the other: none of them is there before it is asked for.
local SCRIPT <const> = [[
local kavach = require "kavach"
local batch = kavach.batch { name = "bench", jobs = 2, sandbox = false }
local count = 0
batch:generate(function()
  count = count + 1
  if count <= %d then return { id = tostring(count), command = { "true" } } end
end)
return batch
]]

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end

local function numbers(count)
  local list = {}
  for i = 1, count do list[i] = i end
  return table.concat(list, "\n") .. "\n"
end

--- A shell line as an argv: in the folder, where its journals are, too.
local function in_folder(folder, line, ...)
  return { "sh", "-c", 'cd "$1" && shift && export XDG_STATE_HOME="$PWD" && ' .. line, "sh",
    folder, ... }
end

--- The program's words, in a shell line.
local function batch(...)
  return quote.words { support.kavach, "batch", ... }
end

-- ---- jobs a second -----------------------------------------------------------------------------

--- Both sides read words from standard input, and are shells' children alike. Each run writes into
--- a folder of its own, $R, and none is removed meanwhile: a disk that is told of what is free
--- (discard) would be busy with that in the next run.
local turns = 0
local function compare(runs, folder, of)
  local function rate(line)
    return function()
      turns = turns + 1
      local taken = support.time(in_folder(folder,
        ("R=%d; mkdir $R; exec %s <words 2>said"):format(turns, line)))
      return COUNT / taken * 1000
    end
  end
  local ours, theirs = support.interleave(runs, rate(of.line), rate(of.their_line))
  return {
    what = of.what, peer = of.peer, unit = "jobs/s",
    version = support.version_of(table.unpack(of.version)),
    ours = ours, theirs = theirs, at_least = of.at_least,
  }
end

local function plain(...)
  return batch("--name", "bench", "--replace", "--no-sandbox", "--jobs", "2", ...)
end

local function processes(runs, folder)
  write(folder .. "/words", numbers(COUNT))
  local what = ("%d × kavach batch --no-sandbox --jobs 2 --command true"):format(COUNT)
  return compare(runs, folder, {
    what = what, line = plain("--command", "true"),
    peer = "parallel -j2 --joblog FILE true",
    their_line = "parallel -j2 --joblog $R/joblog true", version = PARALLEL, at_least = 8,
  }), compare(runs, folder, {
    what = "the same with --results",
    line = plain("--command", "true", "--results") .. " $R/results",
    peer = "parallel -j2 --joblog FILE --results DIR true",
    their_line = "parallel -j2 --joblog $R/joblog --results $R/results true", version = PARALLEL,
    at_least = 2,
  }), compare(runs, folder, {
    what = "the same, no results", line = plain("--command", "true"),
    peer = "xargs -P2 -n1 true, no journal",
    their_line = "xargs -P2 -n1 true", version = XARGS, at_least = 0.8,
  })
end

-- ---- in VMs ------------------------------------------------------------------------------------

local function vms(runs, folder)
  local argv, initrd = support.bare_argv()
  local whole = folder .. "/whole"
  support.write_initramfs(whole, support.program "poweroff", argv[initrd])
  argv[initrd] = whole
  write(folder .. "/boot", "#!/bin/sh\nexec " .. quote.words(argv) .. "\n")
  write(folder .. "/words", numbers(VMS))
  local jobs = batch("--name", "bench", "--replace", "--jobs", "2", "--command", "true")
  local function seconds(line)
    return function()
      return support.time(in_folder(folder, "exec " .. line .. " <words 2>said")) / 1000
    end
  end
  local ours, theirs =
    support.interleave(runs, seconds(jobs), seconds "xargs -P2 -I{} sh ./boot")
  return {
    what = ("%d × kavach batch --jobs 2 --command true, a fresh sandbox each"):format(VMS),
    peer = "bare cold boots of the same image under xargs -P2", unit = "s",
    version = support.qemu_version(), ours = ours, theirs = theirs, at_most = 1.1,
  }
end

-- ---- very many ---------------------------------------------------------------------------------

--- The program with --json, which is killed (SIGKILL: it commits nothing more) when `wanted` of an
--- event have been told. Returns how many milliseconds that took, and the most memory that it held.
local function until_told(folder, event, wanted, ...)
  local SIGKILL <const> = 9
  local begun = core.hrtime()
  local run <close> = assert(process.start(in_folder(folder, "exec " .. batch(...)),
    { stderr = "null" }))
  local rest, told = "", 0
  while told < wanted do
    local bytes = run:read()
    if not bytes then
      error(("kavach batch told of %d × %s, not %d"):format(told, event, wanted), 0)
    end
    local lines, tail = (rest .. bytes):match "^(.*\n)(.*)$"
    rest = tail or rest .. bytes
    for line in (lines or ""):gmatch "[^\n]+" do
      if json.decode(line).event == event then told = told + 1 end
    end
  end
  local taken = (core.hrtime() - begun) / 1e6
  local status <close> = assert(io.open(("/proc/%d/status"):format(run:pid())))
  local peak = tonumber(status:read "a":match "VmHWM:%s*(%d+)") / 1024
  run:kill(SIGKILL)
  run:wait()
  return taken, peak
end

local function generator(runs, folder)
  write(folder .. "/many.lua", SCRIPT:format(MANY))
  local peaks = {}
  for i = 1, runs do
    peaks[i] = select(2, until_told(folder, "ended", FIRST, "many.lua", "--replace", "--json"))
  end
  return {
    what = ("memory of a generator of %d jobs, the first %d run"):format(MANY, FIRST),
    unit = "MiB", version = "no peer", ours = peaks, at_most = 40,
  }
end

--- Each run resumes what the one before it left, which is next to all.
local function resume(runs, folder)
  write(folder .. "/many.lua", SCRIPT:format(KNOWN))
  until_told(folder, "ended", ENDED, "many.lua", "--replace", "--json")
  local times = {}
  for i = 1, runs do times[i] = until_told(folder, "started", 1, "resume", "bench", "--json") end
  return {
    what = ("kavach batch resume to the first job, %d jobs, %d of them done"):format(KNOWN, ENDED),
    unit = "ms", version = "no peer", ours = times, at_most = 1000,
  }
end

return function(runs)
  local folder <close> = support.folder()
  local journalled, exported, bare = processes(runs, folder.path)
  local few = math.max(runs // 4, 1)
  return {
    journalled, exported, bare, vms(few, folder.path), generator(few, folder.path),
    resume(runs, folder.path),
  }
end
