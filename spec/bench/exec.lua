--- A command in a booted guest.

local kavach = require "kavach"
local core = require "kavach.core"
local support = require "support"

local TURNS <const> = 20 -- for each run

local function timed(box)
  local begun = core.hrtime()
  local result = assert(box:exec "true")
  local taken = core.hrtime() - begun
  assert(result.exit_code == 0)
  return taken / 1e6
end

return function(runs)
  local folder <close> = support.folder()
  local guest <close> = support.bare_guest(folder.path)
  local box <close> = assert(kavach.sandbox {})
  local echoes, spawns = {}, {}
  local ours, theirs = support.interleave(runs * TURNS, function() return timed(box) end, function()
    local echo, spawn = guest:ask "echo" / 1e6, guest:ask "spawn" / 1e6
    echoes[#echoes + 1], spawns[#spawns + 1] = echo, spawn
    return 2 * echo + spawn
  end)
  return { {
    what = "box:exec 'true'", unit = "ms",
    peer = "2 × a byte echoed over the port + one fork and exec in the guest",
    version = support.qemu_version(), ours = ours, theirs = theirs, at_most = 1.0,
    parts = { { what = "a byte echoed", unit = "ms", values = echoes },
      { what = "one fork and exec", unit = "ms", values = spawns } },
  } }
end
