--- What goes wrong with real guests; the specs beside this one have a stand-in for QEMU.

local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local process = require "kavach.process"
local program = require "support.program"
local sandbox = require "kavach.sandbox"
local saveable = require "support.saveable"
local scheduler = require "kavach.task.scheduler"
local standin = require "support.standin"

local BOOT_MS <const> = 60000

describe("A saved guest #vm", function()
  local runtime
  setup(function()
    saveable.setup()
    runtime = saveable.base .. "/runtime"
    assert(lfs.mkdir(runtime))
  end)
  teardown(saveable.teardown)

  local function start_elsewhere()
    return assert(process.start({
      program.absolute, "run", "--verbose", "--memory", "128", "echo it runs",
    }, { env = {
      PATH = os.getenv "PATH", XDG_CACHE_HOME = saveable.cache, XDG_RUNTIME_DIR = runtime,
      LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
    } }))
  end

  local function processes()
    local list = {}
    for name in lfs.dir "/proc" do
      local where = name:find "^%d+$"
        and lfs.symlinkattributes("/proc/" .. name .. "/cwd", "target")
      if where and where:find(runtime, 1, true) then list[#list + 1] = name end
    end
    return list
  end

  it("whose maker is killed is gone, and is made once by those that come next", function()
    do
      local first <close> = start_elsewhere()
      local said = ""
      repeat
        said = said .. assert(first.stderr:read(), said)
      until said:find("it is saved for later starts", 1, true)
      assert.equal(1, #processes())
      first:kill(9)
      first:wait()
    end
    assert.is_true(host.eventually(function() return #processes() == 0 end))
    assert.is_true(host.eventually(function() return #saveable.names() == 0 end))

    local all, made = {}, 0
    for i = 1, 2 do all[i] = start_elsewhere() end
    for _, running in ipairs(all) do
      local said = running.stderr:read_all()
      assert.equal("it runs\n", running.stdout:read_all())
      assert.equal(0, running:wait().exit_code, said)
      if said:find("it is saved for later starts", 1, true) then made = made + 1 end
    end
    assert.equal(1, made)
    assert.same({ saveable.only().entry.digest }, saveable.names())
  end)

  -- With the template of the one before.
  it("of which a copy is killed as it goes on is marked bad, and a guest boots instead", function()
    local options = { backend = "tcg", memory_limit_mb = 128, boot_timeout_ms = BOOT_MS }
    local began, box, killed = core.now(), nil, nil
    local fresh <close> = assert(sandbox.launch(options, {
      on_box = function(it) box = it end,
      on_step = function(what)
        if killed or not what:find "^QEMU runs" then return end
        killed = box.vm
        scheduler.background(function()
          host.eventually(function() return killed.control end)
          killed.control.changed:watch(function()
            for _, event in ipairs(killed.control.events) do
              if event.event == "RESUME" then killed.child:signal(9) end
            end
          end)
        end)
      end,
    }))
    assert.matches("was killed by signal 9 before the guest was ready", fresh.template.why, 1, true)
    assert.equal("it runs\n", assert(fresh:exec "echo it runs").stdout)
    assert.is_true(core.now() - began < BOOT_MS)
    assert.is_nil(killed.ready_at)
    assert.is_nil(killed.dir)
    assert.is_false(standin.alive(killed.child:pid()))
    assert.matches("was killed by signal 9", saveable.only().entry.bad, 1, true)
  end)
end)
