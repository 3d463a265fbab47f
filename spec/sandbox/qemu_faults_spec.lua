local core = require "kavach.core"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"

describe("A sandbox whose QEMU", function()
  setup(standin.setup)
  teardown(standin.teardown)

  -- What comes of it when this stands in for QEMU, and that nothing is left of it.
  local function failure(path, more)
    local box, why = assert(sandbox.launch(standin.options(path, more)))
    assert.is_nil(why)
    local dir = box.vm.dir
    assert.is_true(standin.exists(dir .. "/agent.sock"))
    local ok
    ok, why = box:wait_ready()
    assert.is_nil(ok)
    local pid = box.vm.child:pid()
    assert.equal("stopped", box:state())
    assert.is_nil((box:exec "true"))
    box:close()
    assert.is_false(standin.exists(dir))
    if pid then assert.is_false(standin.alive(pid)) end
    return why
  end

  it("is missing cannot be made, and the path is named", function()
    local box, why = sandbox.new(standin.options "/nonexistent/qemu")
    assert.is_nil(box)
    assert.equal("backend_unavailable", why.kind)
    assert.matches("/nonexistent/qemu", why.message, 1, true)
  end)

  it("is no program at all is an error that names it", function()
    local path = standin.shell "exit 0"
    local file = io.open(path, "wb")
    file:write "\0\1\2 not a program"
    file:close()
    local why = failure(path)
    assert.equal("creation_failed", why.kind)
    assert.matches(path, why.message, 1, true)
  end)

  it("crashes at start gives its own words", function()
    local why = failure(standin.shell [[
      [ "$1" = --version ] && { echo "QEMU emulator version 7.2.22"; exit; }
      echo "qemu: could not do it: too bad" >&2
      exit 1]])
    assert.equal("creation_failed", why.kind)
    assert.matches("exited with code 1 before the guest was ready", why.message, 1, true)
    assert.matches("could not do it: too bad", why.message, 1, true)
    assert.is_nil(why.message:find("version", 1, true))
  end)

  it("dies of a signal names the signal", function()
    local why = failure(standin.shell "kill -SEGV $$")
    assert.matches("was killed by signal 11", why.message, 1, true)
  end)

  it("is too old says so", function()
    local why = failure(standin.shell [[
      [ "$1" = --version ] && { echo "QEMU emulator version 2.5.0 (Debian)"; exit; }
      echo "invalid option" >&2
      exit 1]])
    assert.matches("invalid option", why.message, 1, true)
    assert.matches("it is QEMU 2.5.0, which is too old: 6.0 or later", why.message, 1, true)
  end)

  it("prints garbage shows it escaped, and bounded", function()
    local why = failure(standin.shell [[
      printf '\033]0;evil\007 \377\n' >&2
      i=0; while [ $i -lt 2000 ]; do echo "noise $i"; i=$((i+1)); done
      exit 3]])
    assert.is_nil(why.message:find "[%z\1-\9\11-\31\127]")
    assert.matches("is it QEMU?", why.message, 1, true)
    assert.equal(50, #why.console)
    assert.equal("noise 1999", why.console[50])
  end)

  it("ends without a word says so if the guest has little memory", function()
    local path = standin.shell [[
      [ "$1" = --version ] && echo "QEMU emulator version 7.2.22"
      exit 0]]
    assert.matches("may need more memory than 64 MiB",
      failure(path, { memory_limit_mb = 64 }).message, 1, true)
    assert.is_nil(failure(path).message:find("memory", 1, true))
  end)

  it("does not come up in time is given up, and killed", function()
    local before = core.now()
    local why = failure(standin.shell "exec sleep 1000", { boot_timeout_ms = 200 })
    assert.equal("creation_failed", why.kind)
    assert.matches("was not ready within 200 ms", why.message, 1, true)
    assert.is_true(core.now() - before < 5000)
  end)

  it("leaves a child that holds its output open does not hold up the error", function()
    local before = core.now()
    local why = failure(standin.shell "sleep 1000 & echo last words >&2; exit 1")
    assert.matches("last words", why.message, 1, true)
    assert.is_true(core.now() - before < 5000)
  end)

  it("sends random bytes for the agent's is an error, not a crash", function()
    local why = failure(standin.lua [[
      port:try_write(("\255garbage\0"):rep(100))
      os.execute "sleep 1000"]])
    assert.matches("the guest broke the agent's protocol", why.message, 1, true)
  end)

  it("closes the port and goes on is an error too", function()
    local why = failure(standin.lua [[port:close() os.execute "sleep 1000"]],
      { boot_timeout_ms = 300 })
    assert.equal("creation_failed", why.kind)
  end)

  it("sees the guest panic gives the kernel's words and the console", function()
    local why = failure(standin.shell [[
      echo "[    0.5] Kernel panic - not syncing: VFS: no root"
      echo "[    0.6] Rebooting"
      exit 0]])
    assert.matches("the guest's kernel panicked: .*VFS: no root", why.message)
    assert.equal(2, #why.console)
  end)
end)

describe("A sandbox with an agent that is real and a machine that is not", function()
  local box
  setup(standin.setup)
  teardown(standin.teardown)
  before_each(function() box = assert(sandbox.new(standin.options(standin.native()))) end)
  after_each(function() box:close() end)

  it("gives a result with every field", function()
    local r = assert(box:exec "echo out; echo err >&2; exit 3")
    assert.same({ 1, 3, "out\n", "err\n", false, false, false, false, "tcg", false },
      { r.version, r.exit_code, r.stdout, r.stderr, r.timed_out, r.oom_killed,
        r.stdout_truncated, r.stderr_truncated, r.backend, r.confidential })
    assert.is_nil(r.signal)
    for _, field in ipairs { "duration_ms", "boot_ms", "cpu_ms", "max_rss_kb" } do
      assert.is_true(math.type(r[field]) == "integer" and r[field] >= 0, field)
    end
  end)

  it("says what is wrong with a command", function()
    assert.has_error(function() box:exec(nil) end)
    assert.has_error(function() box:exec {} end)
    assert.has_error(function() box:exec { "a", 5 } end)
    assert.has_error(function() box:exec("true", { timeout = 3 }) end)
    for _, command in ipairs { "echo \0", { "echo", "a\0b" }, { "" } } do
      local r, why = box:exec(command)
      assert.is_nil(r)
      assert.equal("invalid_argument", why.kind)
    end
  end)

  it("gives bytes as they are, up to a cap, and says if there was more", function()
    local r = assert(box:exec("printf '\\377\\000x'"))
    assert.equal("\255\0x", r.stdout)
    r = assert(box:exec("head -c 3000000 /dev/zero; echo done >&2"))
    assert.same({ 1024 * 1024, true, "done\n", false },
      { #r.stdout, r.stdout_truncated, r.stderr, r.stderr_truncated })
    r = assert(box:exec("echo 12345", { max_output = 3 }))
    assert.same({ "123", true }, { r.stdout, r.stdout_truncated })
  end)

  it("feeds standard input from bytes and from anything that reads", function()
    assert.equal("abc", assert(box:exec("cat", { stdin = "abc" })).stdout)
    assert.equal("", assert(box:exec("cat")).stdout)
    local left = 10
    local r = assert(box:exec("wc -c", { stdin = { read = function()
      left = left - 1
      return left >= 0 and ("x"):rep(50000) or nil
    end } }))
    assert.equal(500000, tonumber(r.stdout))
    -- More than the command will ever read is no error.
    assert.equal("x", assert(box:exec("head -c 1", { stdin = ("x"):rep(5000000) })).stdout)
  end)

  it("keeps what was printed until the time was up", function()
    local r = assert(box:exec("echo before; sleep 1000", { timeout_ms = 1000 }))
    assert.same({ true, -1, "before\n", 15 }, { r.timed_out, r.exit_code, r.stdout, r.signal })
  end)

  it("kills a command that ignores SIGTERM, after the grace", function()
    local r = assert(box:exec("trap '' TERM; echo up; while :; do sleep 1; done",
      { timeout_ms = 1000, grace_ms = 100 }))
    assert.same({ true, -1, "up\n", 9 }, { r.timed_out, r.exit_code, r.stdout, r.signal })
  end)

  it("lets a command that tidies up on SIGTERM do so", function()
    local r = assert(box:exec("trap 'echo tidy; exit 0' TERM; while :; do sleep 0.05; done",
      { timeout_ms = 1000, grace_ms = 10000 }))
    assert.same({ true, -1, "tidy\n" }, { r.timed_out, r.exit_code, r.stdout })
  end)

  it("waits for a command that has closed its output", function()
    local r = assert(box:exec "exec >&- 2>&-; sleep 0.2; exit 5")
    assert.equal(5, r.exit_code)
  end)

  it("starts commands that can be talked to", function()
    local running <close> = assert(box:start "while read line; do echo got $line; done")
    assert.equal("running", box:state())
    running:write "one\n"
    assert.equal("got one\n", running:read())
    running:write "two\n"
    assert.equal("got two\n", running:read())
    running:close_stdin()
    assert.is_nil((running:read()))
    assert.equal(0, running:wait().exit_code)
    assert.equal("running", box:state())
  end)

  it("is healthy until it is stopped, and then says so", function()
    assert.is_true(box:health_check())
    assert.is_true(box:stop(5000))
    assert.equal("stopped", box:state())
    assert.is_false((box:health_check()))
    local r, why = box:exec "true"
    assert.is_nil(r)
    assert.equal("invalid_transition", why.kind)
    assert.is_true(box:destroy())
    assert.is_true(box:close())
  end)

  it("dies with an error for whoever waits, when its machine is killed", function()
    local task = require "kavach.task"
    local r, why
    task.scope(function()
      task.spawn(function() r, why = box:exec "sleep 1000" end)
      while not box.vm.agent:busy() do task.yield() end
      box.vm.child:signal(9)
    end)
    assert.is_nil(r)
    assert.equal("io", why.kind)
    assert.matches("was killed by signal 9", why.message, 1, true)
    assert.equal("stopped", box:state())
  end)

  it("calls off the command of a task that is cancelled", function()
    local task = require "kavach.task"
    local marker = os.tmpname()
    task.scope(function()
      local waiting = task.spawn(function() box:exec("echo $$ >" .. marker .. "; sleep 1000") end)
      while io.open(marker):read "a" == "" do task.sleep(5) end
      waiting:cancel()
    end)
    local pid = tonumber(io.open(marker):read "a")
    os.remove(marker)
    while box.vm.agent:busy() do task.sleep(5) end
    assert.is_false(standin.alive(pid))
  end)

  it("lists its command line, and nothing of what runs in it", function()
    assert(box:exec("true SECRET", { env = { TOKEN = "SECRET" } }))
    assert.is_nil(table.concat(box:argv(), "\0"):find("SECRET", 1, true))
  end)

  it("that is forgotten is cleared away by the collector", function()
    local lost = assert(sandbox.new(standin.options(standin.native())))
    assert(lost:exec "true")
    local dir, pid = lost.vm.dir, lost.vm.child:pid()
    lost = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.is_false(standin.exists(dir))
    local task = require "kavach.task"
    while standin.alive(pid) do task.sleep(5) end
  end)

  it("that is to be kept leaves its directory, under another name", function()
    local kept = assert(sandbox.new(standin.options(standin.native(), { keep = true })))
    local dir = kept.vm.dir
    assert.is_true(kept:close())
    assert.is_false(standin.exists(dir))
    assert.is_true(standin.exists(kept.vm.kept .. "/agent.sock"))
    assert(os.execute("rm -rf '" .. kept.vm.kept .. "'"))
  end)
end)
