--- Making a template: by one of many, by who is killed at it, and what is left behind. QEMU is a
--- stand-in.

local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local lock = require "kavach.sandbox.template.lock"
local process = require "kavach.process"
local program = require "support.program"
local sandbox = require "kavach.sandbox"
local saveable = require "support.saveable"
local standin = require "support.standin"
local task = require "kavach.task"

describe("A template that is being made", function()
  local runtime
  setup(function()
    standin.setup()
    saveable.setup()
    runtime = saveable.base .. "/runtime"
    assert(lfs.mkdir(runtime))
  end)
  teardown(function()
    saveable.teardown()
    standin.teardown()
  end)
  before_each(function() saveable.new_cache() end)

  -- Lua code that starts a sandbox of these options, and tells its steps.
  local START <const> = [[
    local core, lfs = require "kavach.core", require "lfs"
    local store, task = require "kavach.sandbox.template.store", require "kavach.task"
    io.stdout:setvbuf "no"
    local function stand_still() print "here" task.sleep(1e7) end
    %s
    local box <close> = assert(require("kavach.sandbox").launch({
      backend = "tcg", qemu_path = %q, kernel = %q, initrd = %q, memory_limit_mb = 64,
    }, { on_step = print }))
    print(box:exec("echo it runs").stdout, "made", box.template.made)
  ]]

  local function start_elsewhere(qemu, ahead)
    local code = START:format(ahead or "", qemu, standin.kernel, standin.initrd)
    return assert(process.start({ program.absolute, "-e", code }, { stdin = "pipe", env = {
      PATH = os.getenv "PATH", XDG_CACHE_HOME = saveable.cache, XDG_RUNTIME_DIR = runtime,
      LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
    } }))
  end

  local function read_until(running, text)
    local said = ""
    while not said:find(text, 1, true) do
      said = said .. assert(running:read(), "it ended, and said: " .. said)
    end
  end

  local function nothing_runs()
    for name in lfs.dir "/proc" do
      local where = name:find "^%d+$"
        and lfs.symlinkattributes("/proc/" .. name .. "/cwd", "target")
      if where and where:find(runtime, 1, true) then return false end
    end
    return true
  end

  -- Nothing is left of who was killed, and the next start makes a template.
  local function clean()
    assert.is_true(host.eventually(nothing_runs))
    assert.is_true(host.eventually(function() return #saveable.names() == 0 end))
    assert.is_true(host.eventually(function()
      for name in lfs.dir(runtime .. "/kavach") do
        if name:find "^vm%-" then return false end
      end
      return true
    end))
    local options = saveable.options(saveable.program())
    assert.is_true(saveable.start(options).made)
    assert.is_nil(saveable.start(options).made)
    assert.equal(1, #saveable.names())
  end

  for when, case in pairs {
    ["before the guest has booted"] = { boot = "forever()", text = "QEMU runs" },
    ["while QEMU saves itself"] = { save = "forever()", text = "it is saved for later starts" },
    ["while its memory is copied"] = { ahead = "core.sparse_copy = stand_still" },
    ["before it is complete"] = { ahead = "store.publish = stand_still" },
    ["before it is published"] = { ahead = "os.rename = stand_still" },
  } do
    it(("is gone with who is killed %s"):format(when), function()
      local running <close> = start_elsewhere(saveable.program(case), case.ahead)
      read_until(running, case.text or "here")
      assert.matches("^%.new%-", saveable.names()[1])
      assert.equal(1, #saveable.names())
      running:kill(9)
      running:wait()
      clean()
    end)
  end

  it("is removed by the next who makes one, if its maker's supervisor was killed, too", function()
    local running <close> = start_elsewhere(saveable.program(), "store.publish = stand_still")
    read_until(running, "here")
    os.execute("kill -9 " .. host.supervisor(running:pid()))
    running:kill(9)
    running:wait()
    assert.equal(1, #saveable.names())
    local options = saveable.options(saveable.program())
    assert.is_true(saveable.start(options).made)
    local names = saveable.names()
    -- Of the same kind or not: its lock is free.
    assert.same({ saveable.only().entry.digest }, names)
  end)

  it("is not disturbed by the end of who made one before", function()
    local qemu = saveable.program()
    local first <close> = start_elsewhere(qemu, "store.publish = stand_still")
    read_until(first, "here")
    local supervisor = host.supervisor(first:pid())
    os.execute("kill -STOP " .. supervisor)
    first:kill(9) -- its lock is free from here on, its supervisor still to clear up
    assert.is_true(host.eventually(function()
      return (host.slurp(("/proc/%d/stat"):format(first:pid())) or "Z"):find("Z", 1, true) ~= nil
    end))
    local second <close> = start_elsewhere(qemu, [[
      local publish = store.publish
      store.publish = function(...) print "here" io.read() return publish(...) end]])
    read_until(second, "here")
    os.execute("kill -CONT " .. supervisor)
    assert.is_true(host.eventually(function() return not standin.alive(supervisor) end))
    second:write "go on\n"
    read_until(second, "made\ttrue")
    second:wait()
    assert.equal(1, #saveable.names())
    assert.is_nil(saveable.start(saveable.options(qemu)).made)
  end)

  it("is made once, however many start at the same time", function()
    local qemu, all, made = saveable.program(), {}, 0
    for i = 1, 12 do all[i] = start_elsewhere(qemu) end
    kavach.map(all, {}, function(running)
      local said = ""
      for bytes in function() return running:read() end do said = said .. bytes end
      running:wait()
      running:close()
      assert.matches("it runs\n\tmade\t", said, 1, true)
      if said:find("made\ttrue", 1, true) then made = made + 1 end
    end)
    assert.equal(1, made)
    assert.same({ saveable.only().entry.digest }, saveable.names())
    assert.is_nil(saveable.start(saveable.options(qemu)).made)
  end)

  it("is made once by one process, whatever starts in it meanwhile", function()
    local options, made, why = saveable.options(saveable.program()), 0, {}
    kavach.map({ 1, 2, 3, 4, 5, 6 }, {}, function()
      local template = saveable.start(options)
      if template.made then made = made + 1 else why[#why + 1] = template.why end
    end)
    assert.equal(1, made)
    assert.same({ "it is being made" }, { why[1] })
    assert.is_nil(saveable.start(options).made)
  end)

  it("is made once, though the one who makes it is told late that it is there", function()
    local options = saveable.options(saveable.program())
    local store = require "kavach.sandbox.template.store"
    local find, looked = store.find, false
    store.find = function(...)
      if looked then return find(...) end
      looked = true
      assert.is_true(saveable.start(options).made) -- by somebody else, right behind this look
      return nil
    end
    local finished, template = pcall(saveable.start, options)
    store.find = find
    assert(finished, template)
    assert.is_nil(template.made)
    assert.is_truthy(template.digest)
  end)

  it("is given up as soon as QEMU says that it cannot be", function()
    for save, why in pairs {
      [ [[say '{"event":"MIGRATION","data":{"status":"failed"}}' return]] ] =
        "QEMU could not save the machine: failed",
      ["os.exit(3)"] = "QEMU's control port: it was closed",
    } do
      local began = core.now()
      local options = saveable.options(saveable.program { save = save })
      local box <close> = assert(sandbox.launch(options))
      assert.matches(why, box.template.why, 1, true)
      assert.is_true(core.now() - began < 5000)
      assert.same({}, saveable.names())
      if not save:find "exit" then assert.equal(0, assert(box:exec "true").exit_code) end
    end
  end)

  it("is given up when it takes too long, and the guest goes on", function()
    local timer, limit = core.timer, nil
    core.timer = function(ms, ...)
      limit = ms == 15000 and ms or limit
      return timer(ms == 15000 and 300 or ms, ...)
    end
    finally(function() core.timer = timer end)
    -- It says that it saves itself, and does not.
    local options = saveable.options(saveable.program { save = "return" })
    local template = saveable.start(options)
    assert.equal("not done within 15000 ms", template.why)
    assert.equal(15000, limit)
    assert.same({}, saveable.names())
  end)

  for when, faults in pairs {
    ["before the guest has booted"] = { boot = "forever()" },
    ["while QEMU saves itself"] = { save = "forever()" },
    ["while its memory is copied"] = {},
  } do
    it(("is given up with its guest if the task is called off %s"):format(when), function()
      local work, box, result = core.work, nil, nil
      if not next(faults) then core.work = function() end end -- never done
      finally(function() core.work = work end)
      local began = core.now()
      task.scope(function()
        local starting = task.spawn(function()
          result = table.pack(pcall(sandbox.launch, saveable.options(saveable.program(faults)), {
            on_box = function(fresh) box = fresh end,
          }))
        end)
        assert.is_true(host.eventually(function() return #saveable.names() == 1 end))
        task.sleep(100)
        starting:cancel "by the spec"
        starting:await()
      end)
      assert.is_false(result[1])
      assert.is_true(err.is(result[2], "cancelled"))
      assert.is_true(core.now() - began < 5000)
      assert.equal("destroyed", box.vm.state)
      assert.is_true(box.vm.freed)
      assert.is_false(standin.alive(box.vm.child:pid()))
      assert.same({}, saveable.names())
      core.work = work
      assert.is_true(saveable.start(saveable.options(saveable.program())).made)
    end)
  end

  -- ---- its lock ---------------------------------------------------------------------------------

  describe("has a lock", function()
    local base
    local DIGEST <const> = ("ab"):rep(16)
    before_each(function()
      base = saveable.templates
      assert(core.private_directory(base))
    end)

    local TAKE <const> = [[
      local lock = require("kavach.sandbox.template.lock").take(%q, %q)
      io.stdout:write(lock and "held\n" or "not\n")
      io.stdout:flush()
      io.read()
    ]]
    local function take_elsewhere()
      local code = TAKE:format(base, DIGEST)
      return assert(process.start({ program.absolute, "-e", code }, { stdin = "pipe" }))
    end

    it("that one of twenty gets", function()
      local all, held = {}, 0
      for i = 1, 20 do all[i] = take_elsewhere() end
      for _, running in ipairs(all) do
        if assert(running:read()) == "held\n" then held = held + 1 end
      end
      assert.equal(1, held)
      local ours, why = lock.take(base, DIGEST)
      assert.is_nil(ours)
      assert.equal("it is being made", why)
      for _, running in ipairs(all) do
        running.stdin:close()
        running:wait()
        running:close()
      end
      local now <close> = assert(lock.take(base, DIGEST))
      assert.equal(base .. "/" .. DIGEST .. ".lock", now.path)
    end)

    it("that one process has once", function()
      do
        local one <close> = assert(lock.take(base, DIGEST))
        local two, why = lock.take(base, DIGEST)
        assert.is_nil(two)
        assert.equal("it is being made", why)
        -- To ask did not give it up.
        local other <close> = take_elsewhere()
        assert.equal("not\n", other:read())
        one:close()
        one:close()
      end
      local again <close> = assert(lock.take(base, DIGEST))
      assert.is_truthy(again)
    end)
  end)

  it("removes what others have left, and nothing that somebody is at", function()
    local digests = { free = ("a1"):rep(16), busy = ("b2"):rep(16), old = ("c3"):rep(16) }
    assert(core.private_directory(saveable.templates))
    for _, name in ipairs { ".new-" .. digests.free .. "-1", ".new-" .. digests.busy .. "-1",
      ".old-" .. digests.old .. "-1" } do
      assert(lfs.mkdir(saveable.templates .. "/" .. name))
      host.write(saveable.templates .. "/" .. name .. "/memory-1", "x")
    end
    local busy <close> = assert(lock.take(saveable.templates, digests.busy))
    host.write(saveable.templates .. "/" .. digests.free .. ".lock", "")
    assert.is_true(saveable.start(saveable.options(saveable.program())).made)
    local made = saveable.only().entry.digest
    local expected = { ".new-" .. digests.busy .. "-1", made }
    table.sort(expected)
    assert.same(expected, saveable.names())
    assert.is_nil(lfs.attributes(saveable.templates .. "/" .. digests.free .. ".lock"))
    assert.is_truthy(lfs.attributes(busy.path))
    assert.is_truthy(lfs.attributes(saveable.templates .. "/" .. made .. ".lock"))
  end)
end)
