--- Pools, with a stand-in for QEMU: the real agent on this machine.

local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local process = require "kavach.process"
local standin = require "support.standin"
local task = require "kavach.task"

describe("A pool", function()
  local native, pool
  setup(function()
    standin.setup()
    native = standin.native()
  end)
  teardown(standin.teardown)
  after_each(function()
    if pool then pool:close() end
    pool = nil
  end)

  -- Of sandboxes that this stands in for, or that run here.
  local function make(more, qemu, sandbox)
    local options = { sandbox = standin.options(qemu or native, sandbox) }
    for name, value in pairs(more or {}) do options[name] = value end
    pool = assert(kavach.pool(options))
    return pool
  end

  local function filled(count)
    assert.is_true(host.eventually(function() return pool:stats().ready == count end),
      ("%d wait, not %d"):format(pool:stats().ready, count))
  end

  local function pid_of(box)
    return assert(box.vm.child:pid())
  end

  local function pids()
    local list = {}
    for i, entry in ipairs(pool.waiting) do list[i] = pid_of(entry.box) end
    return list
  end

  local function gone(pid)
    return host.eventually(function() return not standin.alive(pid) end)
  end

  -- Stops its agent, as QEMU would a guest: no answer comes of it any more.
  local function silence(box)
    assert(assert(box.vm:qmp()):execute "stop")
    assert.is_true(host.eventually(function()
      for _, pid in ipairs(host.processes "--socket") do
        local where = lfs.symlinkattributes(("/proc/%d/cwd"):format(pid), "target")
        local stat = where == box.vm.dir and host.slurp(("/proc/%d/stat"):format(pid))
        if stat and stat:match "^.*%) (%a)" == "T" then return true end
      end
    end))
  end

  local function echo(box)
    return assert.equal("it runs\n", assert(box:exec "echo it runs").stdout)
  end

  -- ---- what it is for -------------------------------------------------------------------------

  it("fills, gives one that is ready, and fills up again", function()
    make { size = 2 }
    filled(2)
    assert.same({ size = 2, ready = 2, starting = 0, failures = 0 }, pool:stats())
    local before = pids()
    local box <close> = assert(pool:take())
    assert.equal(before[1], pid_of(box)) -- the one that has waited longest
    echo(box)
    assert.equal(1, pool:stats().ready)
    filled(2)
    assert.equal(before[2], pids()[1])
  end)

  it("waits for the next one if none is ready, for so long as it may", function()
    make { size = 1 }
    local box <close> = assert(pool:take())
    echo(box)
    local none, why = pool:take(0)
    assert.is_nil(none)
    assert.is_true(err.is(why, "timeout"))
    assert.equal("no sandbox was ready within 0 ms", why.message)
    local other <close> = assert(pool:take(20000))
    assert.not_equal(pid_of(box), pid_of(other))
  end)

  it("gives each taker one of its own, however many take at once", function()
    make { size = 2, starting = 2 }
    local boxes = kavach.map({ 1, 2, 3, 4, 5, 6 }, {}, function() return assert(pool:take()) end)
    local seen = {}
    for _, box in ipairs(boxes) do
      echo(box)
      assert.is_nil(seen[pid_of(box)])
      seen[pid_of(box)] = true
      box:destroy()
    end
    filled(2)
  end)

  it("starts no more at a time than it may", function()
    local most = 0
    make { size = 5, starting = 2 }
    while pool:stats().ready < 5 do
      most = math.max(most, pool:stats().starting)
      task.sleep(1)
    end
    assert.equal(2, most)
  end)

  it("works in a task, too", function()
    assert.equal("it runs\n", kavach.run(function()
      local own <close> = assert(kavach.pool { size = 1, sandbox = standin.options(native) })
      local box <close> = assert(own:take())
      return box:exec("echo it runs").stdout
    end))
  end)

  -- ---- those that wait ------------------------------------------------------------------------

  it("replaces one that dies while it waits", function()
    make { size = 2 }
    filled(2)
    local before = pids()
    os.execute("kill -9 " .. before[1])
    assert.is_true(host.eventually(function()
      local now = pids()
      return #now == 2 and now[1] == before[2]
    end))
    local dirs = {}
    for i, entry in ipairs(pool.waiting) do dirs[i] = entry.box.vm.dir end
    pool:close()
    for _, dir in ipairs(dirs) do assert.is_false(standin.exists(dir)) end
  end)

  it("does not give one that does not answer", function()
    make { size = 2 }
    filled(2)
    local before = pids()
    silence(pool.waiting[1].box)
    local box <close> = assert(pool:take(20000))
    assert.equal(before[2], pid_of(box))
    assert.is_true(gone(before[1]))
    filled(2)
  end)

  it("replaces one that has waited for too long", function()
    make { size = 2, max_age_ms = 300 }
    filled(2)
    local before = pids()
    for _, pid in ipairs(before) do assert.is_true(gone(pid)) end
    filled(2)
    local box <close> = assert(pool:take())
    task.sleep(400) -- what was taken grows old elsewhere
    echo(box)
  end)

  it("has no more than its memory allows", function()
    make({ size = 5, memory_mb = 700 }, nil, { memory_limit_mb = 300 })
    assert.equal(2, pool:stats().size)
    local none, why = kavach.pool {
      memory_mb = 200, sandbox = standin.options(native, { memory_limit_mb = 300 }),
    }
    assert.is_nil(none)
    assert.is_true(err.is(why, "invalid_argument"))
    assert.matches("memory_mb = 200: a sandbox of 300 MiB does not fit", why.message, 1, true)
  end)

  -- ---- what cannot start ----------------------------------------------------------------------

  -- A stand-in that counts its starts, and ends at once unless the file `works` is there; with
  -- `once`, it is gone then.
  local function unsteady(once)
    local works, count = standin.folder .. "/works", standin.folder .. "/count"
    os.remove(works)
    os.remove(count)
    local function starts() return #(host.slurp(count) or "") end
    local text = [[
      [ "$1" = --version ] && exit
      printf x >>'%s'
      %s '%s' || { echo too bad >&2; exit 1; }
      exec '%s']]
    local check = once and "rm" or "test -e"
    return standin.shell(text:format(count, check, works, native)), starts, works
  end

  it("tells who takes why none can start, and tries again, ever more rarely", function()
    local qemu, starts, works = unsteady()
    make({ size = 2 }, qemu)
    local box, why = pool:take()
    assert.is_nil(box)
    assert.equal("creation_failed", why.kind)
    assert.matches("too bad", why.message, 1, true)
    local stats = pool:stats()
    assert.equal(1, stats.failures)
    assert.matches("too bad", stats.why.message, 1, true)
    local began = core.now()
    box, why = pool:take()
    assert.is_nil(box)
    assert.matches("too bad", why.message, 1, true)
    assert.is_true(core.now() - began > 400)
    assert.equal(2, starts())
    assert(io.open(works, "wb")):close()
    box = assert(pool:take())
    echo(box)
    box:destroy()
    filled(2)
    stats = pool:stats()
    assert.same({ 0 }, { stats.failures, stats.why })
  end)

  it("tells each failure to who waits, also when another had luck meanwhile", function()
    local qemu, starts, works = unsteady "once"
    make({ size = 1 }, qemu)
    assert.is_nil((pool:take()))
    assert(io.open(works, "wb")):close()
    local lucky, told = 0, 0
    task.scope(function()
      for _ = 1, 2 do
        task.spawn(function()
          local box <close>, why = pool:take()
          if box then lucky = lucky + 1 else told = told + 1 end
          assert.is_true(box ~= nil or why.message:find("too bad", 1, true) ~= nil)
        end)
      end
    end)
    assert.same({ 1, 1, 3 }, { lucky, told, starts() })
  end)

  it("counts one that dies of its first command as one that did not start", function()
    local folder = standin.folder .. "/bin"
    assert(os.execute(("mkdir -p '%s'"):format(folder)))
    host.write(folder .. "/true", "#!/bin/sh\nkill -9 $PPID\n")
    os.execute(("chmod +x '%s/true'"):format(folder))
    make({ size = 1 }, nil, { env = { PATH = folder .. ":/usr/bin:/bin" } })
    local box, why = pool:take()
    assert.is_nil(box)
    assert.is_true(err.is(why))
    assert.equal(1, pool:stats().failures)
    assert.same({ 0, 0 }, { pool:stats().ready, pool:stats().starting })
  end)

  -- ---- its end --------------------------------------------------------------------------------

  it("ends with all that wait, but not with what was taken", function()
    make { size = 2 }
    local box <close> = assert(pool:take())
    filled(2)
    local waiting, dirs = pids(), {}
    for i, entry in ipairs(pool.waiting) do dirs[i] = entry.box.vm.dir end
    assert.is_true(pool:close())
    for i, pid in ipairs(waiting) do
      assert.is_false(standin.alive(pid))
      assert.is_false(standin.exists(dirs[i]))
    end
    echo(box)
    assert.is_true(pool:close())
    local none, why = pool:take()
    assert.is_nil(none)
    assert.same({ "invalid_transition", "the pool is closed" }, { why.kind, why.message })
    require("kavach.sandbox.pool.keeper").fill(pool)
    assert.same({ size = 2, ready = 0, starting = 0, failures = 0 }, pool:stats())
  end)

  it("ends with those that are being started", function()
    local qemu = standin.shell(("echo $$ >>'%s/started'; exec sleep 1000"):format(standin.folder))
    os.remove(standin.folder .. "/started")
    make({ size = 3, starting = 3 }, qemu)
    local function started()
      local list = {}
      for pid in (host.slurp(standin.folder .. "/started") or ""):gmatch "%d+" do
        list[#list + 1] = tonumber(pid)
      end
      return list
    end
    assert.is_true(host.eventually(function() return #started() == 3 end))
    local began = core.now()
    pool:close()
    assert.is_true(core.now() - began < 2000)
    for _, pid in ipairs(started()) do assert.is_false(standin.alive(pid)) end
  end)

  it("that has not begun to fill can be closed", function()
    make { size = 3, starting = 3 }
    local began = core.now()
    pool:close()
    assert.is_true(core.now() - began < 2000)
  end)

  it("wakes who waits when it is closed", function()
    make({ size = 1 }, standin.shell "exec sleep 1000")
    local box, why
    task.scope(function()
      task.spawn(function() box, why = pool:take() end)
      task.sleep(10)
      pool:close()
    end)
    assert.is_nil(box)
    assert.equal("the pool is closed", why.message)
  end)

  it("loses none when a taker is called off", function()
    make { size = 1 }
    filled(1)
    local first = pids()[1]
    silence(pool.waiting[1].box) -- so that it is asked for a second whether it is well
    local taking
    task.scope(function()
      taking = task.spawn(function() return pool:take() end)
      task.sleep(100)
      taking:cancel "by the spec"
    end)
    assert.equal("cancelled", taking:status())
    assert.is_true(gone(first))
    filled(1)
    assert.same({ size = 1, ready = 1, starting = 0, failures = 0 }, pool:stats())
  end)

  it("is collected with all that wait, when nobody has it any more", function()
    local list
    do
      make { size = 2 }
      filled(2)
      list = pids()
      pool = nil
    end
    for _ = 1, 3 do collectgarbage() end
    for _, pid in ipairs(list) do assert.is_true(gone(pid)) end
    -- Nor is the loop left with anything to wait for, which would hide that nothing can happen.
    assert.error_matches(function()
      kavach.run(function() task.event():wait() end)
    end, "^deadlock")
  end)

  it("does not hold what was taken", function()
    make { size = 1 }
    local pid
    do
      local box = assert(pool:take())
      pid = pid_of(box)
    end
    filled(1)
    for _ = 1, 3 do collectgarbage() end
    assert.is_true(gone(pid))
  end)

  -- ---- misuse ---------------------------------------------------------------------------------

  it("names what it cannot take", function()
    for message, options in pairs {
      ["pool: unknown option 'sise'"] = { sise = 2 },
      ["pool: size must be"] = { size = 0 },
      ["pool: starting must be"] = { starting = 1.5 },
      ["pool: max_age_ms must be"] = { max_age_ms = -1 },
      ["pool: sandbox must be"] = { sandbox = "x" },
      ["sandbox: unknown option 'memory'"] = { sandbox = { memory = 2 } },
      ["pool: sandbox.name:"] = { sandbox = { name = "one" } },
    } do
      local ok, why = pcall(kavach.pool, options)
      assert.is_false(ok)
      assert.matches(message, why, 1, true)
    end
    make { size = 1 }
    for _, ms in ipairs { -1, 0.5, "1", true } do
      local ok, why = pcall(pool.take, pool, ms)
      assert.is_false(ok)
      assert.equal(("take: ms must be an integer of 0 or more, got %s"):format(tostring(ms)), why)
    end
    assert(pool:take()):destroy()
  end)

  -- ---- without a task, in each interpreter ----------------------------------------------------

  local SCRIPT <const> = [[
    local kavach = require "kavach"
    local pool = assert(kavach.pool { size = 2, sandbox = {
      backend = "tcg", qemu_path = %q, kernel = %q, initrd = %q, template = false,
    } })
    for _ = 1, 3 do
      local box = assert(pool:take())
      io.write(box:exec("echo it runs").stdout)
      box:destroy()
    end
    %s
  ]]

  it("serves a script, and ends with it, closed or not", function()
    local runtime = standin.folder .. "/pool-runtime"
    assert(os.execute(("mkdir -p -m 700 '%s'"):format(runtime)))
    for _, interpreter in ipairs(host.interpreters()) do
      for _, last in ipairs { "pool:close()", "" } do
        local code = SCRIPT:format(native, standin.kernel, standin.initrd, last)
        local path = host.write(standin.folder .. "/script.lua", code)
        local r = assert(process.exec({ "sh", "-c", interpreter .. " " .. path },
          { env = {
            PATH = os.getenv "PATH", XDG_RUNTIME_DIR = runtime, HOME = standin.folder,
            LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
          } }))
        assert.same({ 0, ("it runs\n"):rep(3), "" }, { r.exit_code, r.stdout, r.stderr })
        assert.is_true(host.eventually(function()
          local left = io.popen(("ls '%s/kavach' | grep ^vm-"):format(runtime))
          local names = left:read "a"
          left:close()
          return names == ""
        end))
      end
    end
  end)
end)
