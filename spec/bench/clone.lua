--- Clones of a saved guest, beside QEMU alone and beside cold boots.

local kavach = require "kavach"
local support = require "support"

local TWO_AT_A_TIME <const> = 24 -- clones in one run; of cold boots a sixth
local IDLE <const> = 10

local function read_file(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- The template, made if need be; its files, and QEMU's command line for a clone of it.
local function template()
  local made = assert(kavach.template.build())
  local folder = ("%s/kavach/templates/%s"):format(
    os.getenv "XDG_CACHE_HOME" or os.getenv "HOME" .. "/.cache", made.digest)
  local manifest = read_file(folder .. "/manifest.json")
  local box <close> = assert(kavach.sandbox())
  local argv = box:argv()
  argv[1] = made.qemu
  return folder .. "/" .. manifest:match '"name":"(memory%-%x+)"',
    folder .. "/" .. manifest:match '"name":"(state%-%x+)"', argv
end

local function line(of)
  of.version = of.version or support.qemu_version()
  return of
end

-- ---- one ---------------------------------------------------------------------------------------

local function one(runs)
  local memory, state, argv = template()
  local bare = { support.program "bare_clone", memory, state, "true", "--" }
  table.move(argv, 1, #argv, #bare + 1, bare)
  local ours, theirs = support.interleave(runs,
    function() return support.time { support.kavach, "run", "--", "true" } end,
    function() return support.time(bare) end)
  return line {
    what = "kavach run -- true, template there", peer = "QEMU as a clone of it, and 100 lines of C",
    unit = "ms", ours = ours, theirs = theirs, at_most = 1.15,
  }
end

local function against_cold(runs)
  local ours, theirs = support.interleave(runs,
    function() return support.time { support.kavach, "run", "true" } end,
    function() return support.time { support.kavach, "run", "--cold", "true" } end)
  return line {
    what = "kavach run true, template there", peer = "kavach run --cold true",
    unit = "ms", ours = ours, theirs = theirs, at_most = 0.15,
  }
end

-- ---- from a pool -------------------------------------------------------------------------------

local function milliseconds(fn)
  local begun = require("kavach.core").hrtime()
  fn()
  return (require("kavach.core").hrtime() - begun) / 1e6
end

local function from_pool(runs)
  local booted <close> = assert(kavach.sandbox())
  local pool <close> = assert(kavach.pool { size = 1 })
  local ours, theirs = support.interleave(runs, function()
    while pool:stats().ready < 1 do kavach.sleep(20) end
    local box
    local taken = milliseconds(function()
      box = assert(pool:take())
      assert(box:exec { "true" })
    end)
    while pool:stats().ready < 1 do kavach.sleep(20) end
    box:destroy()
    return taken
  end, function()
    return milliseconds(function() assert(booted:exec { "true" }) end)
  end)
  return line {
    what = "pool:take() and exec", peer = "exec in a booted sandbox",
    unit = "ms", ours = ours, theirs = theirs, at_most = 1.5,
  }
end

-- ---- many --------------------------------------------------------------------------------------

-- How many a minute, of runs of a command two at a time.
local function a_minute(count, words)
  local script = ("seq %d | xargs -P 2 -I {} %s"):format(count, words)
  return count * 60000 / support.time { "/bin/sh", "-c", script }
end

-- The same of sandboxes that run a command each, in this process.
local function sandboxes_a_minute(count, options)
  local list = {}
  for i = 1, count do list[i] = i end
  return count * 60000 / milliseconds(function()
    kavach.map(list, { concurrency = 2 }, function()
      local box <close> = assert(kavach.sandbox(options))
      assert(box:exec { "true" })
    end)
  end)
end

local function rate(runs)
  local programs = {}
  local ours, theirs = support.interleave(runs,
    function() return sandboxes_a_minute(TWO_AT_A_TIME) end,
    function() return sandboxes_a_minute(TWO_AT_A_TIME // 6, { template = false }) end)
  for i = 1, runs do
    programs[i] = a_minute(TWO_AT_A_TIME, support.kavach .. " run true")
  end
  return line {
    what = "clones, 2 at a time", peer = "cold boots, 2 at a time",
    unit = "/min", ours = ours, theirs = theirs, at_least = 9,
    parts = { { what = "kavach run true under xargs -P2", unit = "/min", values = programs } },
  }
end

local function jobs(runs)
  local folder <close> = support.folder()
  local argv, initrd = support.bare_argv()
  local whole = folder.path .. "/whole"
  support.write_initramfs(whole, support.program "poweroff", argv[initrd])
  argv[initrd] = whole
  local script = folder.path .. "/boot"
  local file <close> = assert(io.open(script, "wb"))
  file:write("#!/bin/sh\nexec ", require("kavach.sandbox.quote").words(argv), "\n")
  file:close()
  local ours, theirs = support.interleave(runs,
    function() return sandboxes_a_minute(100) end,
    function() return a_minute(6, "sh " .. script) end)
  return line {
    what = "jobs, a fresh sandbox each, 2 at a time", peer = "bare cold boots under xargs -P2",
    unit = "/min", ours = ours, theirs = theirs, at_least = 7,
  }
end

-- ---- memory ------------------------------------------------------------------------------------

local function pss_mb(box)
  local pid = box.vm.child:pid()
  return tonumber(read_file(("/proc/%d/smaps_rollup"):format(pid)):match "Pss:%s+(%d+) kB") / 1024
end

local function memory(runs)
  local ours, theirs = support.interleave(runs, function()
    local boxes = {}
    for i = 1, IDLE do boxes[i] = assert(kavach.sandbox()) end
    kavach.sleep(500)
    local used = pss_mb(boxes[IDLE])
    for _, box in ipairs(boxes) do box:destroy() end
    return used
  end, function()
    local box <close> = assert(kavach.sandbox { template = false })
    kavach.sleep(500)
    return pss_mb(box)
  end)
  return line {
    what = ("PSS of the %dth idle clone"):format(IDLE), peer = "of a cold VM",
    unit = "MiB", ours = ours, theirs = theirs, at_most = 0.35,
  }
end

return function(runs)
  local few = math.max(runs // 4, 1)
  return {
    one(runs), against_cold(runs), from_pool(runs), rate(few), memory(few), jobs(few),
  }
end
