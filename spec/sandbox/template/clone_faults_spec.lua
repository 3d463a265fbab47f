--- Copies of a template that do not come to life, by whatever QEMU does wrong. It is a stand-in.

local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local lfs = require "lfs"
local registry = require "kavach.sandbox.registry"
local sandbox = require "kavach.sandbox"
local saveable = require "support.saveable"
local standin = require "support.standin"
local task = require "kavach.task"

-- Half of it is the copy's.
local BOOT_MS <const> = 2000

describe("A copy of a template", function()
  setup(function()
    standin.setup()
    saveable.setup()
  end)
  teardown(function()
    saveable.teardown()
    standin.teardown()
  end)
  before_each(function() saveable.new_cache() end)

  local function options(faults, more)
    local all = { boot_timeout_ms = BOOT_MS }
    for name, value in pairs(more or {}) do all[name] = value end
    return saveable.options(saveable.program(faults), all)
  end

  -- The sandbox boots after all, in time; the template is marked, and made again.
  local function replaced(faults, why)
    local given = options(faults)
    assert.is_true(saveable.start(given).made)
    local began, gone = core.now(), {}
    local template, said = saveable.start(given, function(box)
      assert.is_true(core.now() - began < BOOT_MS)
      assert.same({ box }, registry.list())
      -- QEMU has said something; that it runs may be told after that.
      assert(host.eventually(function() return box.vm.child:pid() ~= nil end))
      gone.pid, gone.dir = box.vm.child:pid(), box.vm.dir
    end)
    assert.is_nil(template.digest)
    assert.matches("did not start, so the guest boots: ", said, 1, true)
    assert.matches(why, template.why, 1, true)
    assert.matches(why, saveable.only().entry.bad, 1, true)
    assert.is_false(standin.exists(gone.dir))
    assert.is_false(standin.alive(gone.pid))
    assert.same({}, registry.list())
    template, said = saveable.start(given)
    assert.matches("it is marked bad: .*" .. why:gsub("%W", "%%%0"), said)
    assert.is_true(template.made)
  end

  it("whose QEMU ends before it has begun is replaced by a boot", function()
    replaced({ start = "if clone then io.stderr:write 'too bad'; os.exit(3) end" },
      "exited with code 3 before the guest was ready: too bad")
  end)

  it("whose QEMU never begins is replaced by a boot", function()
    replaced({ start = "if clone then forever() end" },
      ("the guest was not ready within %d ms"):format(BOOT_MS // 2))
  end)

  it("whose QEMU is killed as it is restored is replaced by a boot", function()
    replaced({ restore = "os.execute 'kill -9 $PPID'" }, "was killed by signal 9")
  end)

  it("that is restored and never answers is replaced by a boot", function()
    replaced({ restore = "forever()" },
      ("the guest was not ready within %d ms"):format(BOOT_MS // 2))
  end)

  it("that QEMU refuses to restore is replaced by a boot", function()
    replaced({ restore = "error 'no'" }, "exited with code 1")
  end)

  it("keeps its name when it is replaced", function()
    local given = options({ start = "if clone then os.exit(3) end" }, { name = "the-name" })
    local hosts = require "kavach.sandbox.control.hosts"
    for _ = 1, 2 do
      saveable.start(given, function(box)
        assert.equal("the-name", box.name)
        assert.equal(hosts.own(), hosts.holder "the-name")
      end)
      assert.is_nil(hosts.holder "the-name")
    end
  end)

  it("is made again three times, and no more", function()
    local given = options { restore = "os.exit(3)" }
    local made = 0
    for _ = 1, 12 do
      if saveable.start(given).made then made = made + 1 end
    end
    assert.equal(1 + 3, made)
    local template, said = saveable.start(given)
    assert.matches("no template is made: it is marked bad", said, 1, true)
    assert.matches("it is marked bad", template.why, 1, true)
  end)

  it("that was of use before it turned out bad does not count", function()
    local marker = standin.folder .. "/bad"
    local given = options {
      restore = ("if io.open(%q) then os.exit(3) end"):format(marker),
    }
    for _ = 1, 6 do
      assert.is_true(saveable.start(given).made)
      assert.is_truthy(saveable.start(given).digest)
      assert(io.open(marker, "wb")):close()
      assert.is_nil(saveable.start(given).digest)
      os.remove(marker)
    end
  end)

  it("is not to blame for what cannot be set up in it", function()
    local given = options(nil, { mounts = { { source = "/etc", target = "/mounted" } } })
    assert(sandbox.launch(given)):destroy() -- the agent may mount nothing on this machine
    for _ = 1, 3 do
      local box = sandbox.launch(given)
      if box then
        task.sleep(20)
        box:destroy()
      end
      assert.is_nil(saveable.only().entry.bad)
    end
  end)

  it("is not to blame when the machine has no room for another sandbox", function()
    local given = options()
    assert.is_true(saveable.start(given).made)
    local private_dir = core.private_dir
    core.private_dir = function() return nil, "there is no room" end
    local finished, box, why = pcall(sandbox.launch, given)
    core.private_dir = private_dir
    assert(finished, box)
    assert.is_nil(box)
    assert.matches("there is no room", why.message, 1, true)
    assert.is_nil(saveable.only().entry.bad)
    assert.is_nil(saveable.start(given).made)
  end)

  it("leaves no file open, whatever became of it", function()
    -- What is open of templates and guests' memory, without the collector's help; and with it, all.
    local function open_files()
      local list, number = {}, -1 -- one is what is read here
      for name in lfs.dir "/proc/self/fd" do
        local path = name:find "^%d" and lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
        if name:find "^%d" then number = number + 1 end
        if path and (path:find(saveable.base, 1, true) or path:find("memfd", 1, true)) then
          list[#list + 1] = path
        end
      end
      return list, number
    end
    local marker = standin.folder .. "/bad"
    local given = options {
      save = ("if io.open(%q) then os.exit(3) end"):format(marker),
      restore = ("if io.open(%q) then os.exit(3) end"):format(marker),
    }
    local before
    for round = 1, 4 do
      saveable.new_cache()
      assert(io.open(marker, "wb")):close()
      assert(sandbox.launch(given)):destroy() -- not saved
      os.remove(marker)
      assert.is_true(saveable.start(given).made)
      assert.is_truthy(saveable.start(given).digest)
      assert(io.open(marker, "wb")):close()
      assert.is_nil(saveable.start(given).digest) -- no copy
      os.remove(marker)
      assert.is_true(saveable.start(given).made)
      saveable.flip(saveable.only().state)
      assert.is_nil(saveable.start(given).digest)
      assert.same({}, (open_files()))
      assert.is_true(host.eventually(function()
        collectgarbage()
        local now = select(2, open_files())
        before = before or now
        return now <= before
      end), ("more than %s files are open after %d rounds"):format(before, round))
    end
  end)

  -- ---- given up on -----------------------------------------------------------------------------

  -- Nothing is left of it, and the template is as it was.
  local function nothing_left(pid)
    assert.same({}, registry.list())
    assert.is_false(standin.alive(pid))
    assert.is_nil(saveable.only().entry.bad)
  end

  -- Starts a copy that never answers: `fn(box)` once its QEMU runs.
  local function on_the_way(fn)
    local marker = standin.folder .. "/hang"
    local given = options({
      restore = ("if io.open(%q) then forever() end"):format(marker),
    }, { boot_timeout_ms = 60000 })
    assert.is_true(saveable.start(given).made)
    assert(io.open(marker, "wb")):close()
    local box
    local result = table.pack(pcall(sandbox.launch, given, {
      on_box = function(fresh) box = fresh end,
      on_step = function(what)
        if what:find "^QEMU runs" then fn(box) end
      end,
    }))
    os.remove(marker)
    nothing_left(box.vm.child:pid())
    return table.unpack(result)
  end

  it("that is given up does not boot instead", function()
    local began = core.now()
    local finished, box, why = on_the_way(function(fresh)
      fresh:give_up(err.new("cancelled", "by the spec"))
    end)
    assert.is_true(finished)
    assert.is_nil(box)
    assert.equal("by the spec", why.message)
    assert.is_true(core.now() - began < 5000)
  end)

  it("that is destroyed does not boot instead", function()
    local finished, box, why = on_the_way(function(fresh)
      require("kavach.task.scheduler").background(fresh.destroy, fresh)
    end)
    assert.is_true(finished)
    assert.is_nil(box)
    assert.equal("the sandbox was destroyed", why.message)
  end)

  it("whose task is called off does not boot instead", function()
    local began, finished, box, why = core.now(), nil, nil, nil
    task.scope(function()
      local starting
      starting = task.spawn(function()
        finished, box, why = on_the_way(function() starting:cancel "by the spec" end)
      end)
      starting:await()
    end)
    assert.is_false(finished)
    assert.is_true(err.is(box, "cancelled"))
    assert.is_nil(why)
    assert.is_true(core.now() - began < 5000)
  end)

  it("that has no deadline gets one of its own", function()
    local marker, steps = standin.folder .. "/hang", {}
    local given = options({
      restore = ("if io.open(%q) then forever() end"):format(marker),
    }, { boot_timeout_ms = 0 })
    assert.is_true(saveable.start(given).made)
    local timer, limits = core.timer, {}
    core.timer = function(ms, ...) limits[#limits + 1] = ms return timer(ms, ...) end
    local template = saveable.start(given, function(_, said) steps = said end)
    core.timer = timer
    assert.is_truthy(template.digest, steps)
    assert.equal(10000, limits[1])
  end)
end)
