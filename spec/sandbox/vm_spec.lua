local core = require "kavach.core"
local host = require "support.host"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"
local task = require "kavach.task"

-- The resident memory of this process in KiB.
local function resident_kb()
  return tonumber(io.open "/proc/self/status":read "a":match "VmRSS:%s*(%d+)")
end

describe("A virtual machine #vm", function()
  local folder, box
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute(("mkdir -p '%s/read only, really' '%s/rw'"):format(folder, folder)))
    assert(os.execute(("echo from the host >'%s/read only, really/file'"):format(folder)))
    box = assert(sandbox.new {
      backend = "tcg", memory_limit_mb = 256, env = { LANG = "C" },
      mounts = {
        { source = folder .. "/read only, really", target = "/ro" },
        { source = folder .. "/rw", target = "/rw", readonly = false },
      },
    })
  end)
  teardown(function()
    if box then box:close() end
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("runs a Linux of its own", function()
    local r = assert(box:exec "uname -s; id -u; echo $LANG; cat /proc/1/comm")
    assert.equal("Linux\n0\nC\ninit\n", r.stdout)
    assert.is_true(r.boot_ms > 0)
    assert.same({ "tcg", false }, { r.backend, r.confidential })
    assert.not_equal(io.open "/proc/sys/kernel/random/boot_id":read "a",
      assert(box:exec "cat /proc/sys/kernel/random/boot_id").stdout)
  end)

  it("has the host's time, to a fraction of a second", function()
    local before, after, guest
    local over = task.now() + 10000 -- on a busy machine it takes more than one try
    repeat
      before = core.wall_clock()
      local said = assert(box:exec "adjtimex").stdout
      after = core.wall_clock()
      local s, us = said:match "tv_sec:%s*(%d+)", said:match "tv_usec:%s*(%d+)"
      guest = s * 1000000000 + us * 1000
    until guest > before - 100000000 or task.now() > over
    -- It runs on an emulated counter: on a busy machine its rate is up to a hundredth off.
    assert.is_true(guest > before - 100000000 and guest < after + 400000000,
      ("%d is not between %d and %d"):format(guest, before, after))
  end)

  it("shows folders of the host, read-only unless asked otherwise, commas and all", function()
    assert.equal("from the host\n", assert(box:exec "cat /ro/file").stdout)
    local r = assert(box:exec "touch /ro/new")
    assert.not_equal(0, r.exit_code)
    assert.matches("Read%-only", r.stderr)
    local broken = { read = function() return nil, "broken" end }
    local none, why = box:exec({ "cat" }, { stdin = broken })
    assert.is_nil(none)
    assert.equal("standard input: broken", why.message)
    assert.equal(0, assert(box:exec "echo from the guest >/rw/file").exit_code)
    assert.equal("from the guest\n", io.open(folder .. "/rw/file"):read "a")
  end)

  it("leaves nothing in them that could give anybody rights on the host", function()
    local r = assert(box:exec [[
      cd /rw && echo x >sh
      chmod 4755 sh; echo $?; chmod 2755 sh; echo $?; chown 1000:1000 sh; echo $?
      chmod 755 sh && ls -ln sh | cut -c 1-10]])
    assert.equal("1\n1\n1\n-rwxr-xr-x\n", r.stdout)
    local lfs = require "lfs"
    local made = lfs.attributes(folder .. "/rw/sh")
    assert.same({ "rwxr-xr-x", lfs.attributes(folder, "uid") }, { made.permissions, made.uid })
  end)

  it("runs a command as somebody else", function()
    assert.equal("65534\n", assert(box:exec("id -u", { user = "nobody" })).stdout)
  end)

  it("gives a command a terminal", function()
    -- The pause: what a session's leader writes right before its end, the guest's kernel may drop
    -- (tty_ldisc_hangup() flushes what its worker has not passed on yet).
    local r = assert(box:exec("stty size; echo err >&2; sleep 0.1",
      { pty = { rows = 31, columns = 99 } }))
    assert.equal("31 99\r\nerr\r\n", r.stdout)
    assert.equal("", r.stderr)
  end)

  it("takes files and gives them back", function()
    assert(box:put("/etc/passwd", "/tmp/there"))
    assert(box:get("/tmp/there", folder .. "/back"))
    assert.is_true(os.execute(("cmp -s /etc/passwd '%s/back'"):format(folder)))
  end)

  it("takes folders and gives them back", function()
    assert(os.execute(("mkdir -p '%s/tree/a/b' && cd '%s/tree' && cp /etc/passwd a/b && "
      .. "ln -s ../passwd a/b/link && ln a/b/passwd a/hard && mkdir empty && chmod 711 empty")
      :format(folder, folder)))
    assert(box:put(folder .. "/tree", "/tmp/tree"))
    assert.equal("711 0:0\n", assert(box:exec "stat -c '%a %u:%g' /tmp/tree/empty").stdout)
    assert(box:get("/tmp/tree", folder .. "/tree-back"))
    assert.is_true(os.execute(("diff -r --no-dereference '%s/tree' '%s/tree-back'")
      :format(folder, folder)))
  end)

  it("gives no folder that could do harm, and takes none where it cannot be written", function()
    for line, said in pairs {
      ["ln -s /etc /tmp/bad/etc"] = "./etc: a symbolic link to '/etc', which is absolute",
      ["mkfifo /tmp/bad/fifo"] = "./fifo: a FIFO",
      ["mknod /tmp/bad/null c 1 3"] = "./null: a device",
    } do
      assert.equal(0, assert(box:exec("rm -rf /tmp/bad; mkdir /tmp/bad; " .. line)).exit_code)
      local ok, why = box:get("/tmp/bad", folder .. "/bad")
      assert.is_nil(ok)
      assert.equal("get: /tmp/bad in the guest: " .. said, why.message)
      assert.is_false(standin.exists(folder .. "/bad"))
    end
    local ok, why = box:put(folder .. "/tree", "/ro/tree")
    assert.is_nil(ok)
    assert.equal("io", why.kind)
    assert.matches("put: /ro/tree in the guest: mkdir: .*Read%-only file system", why.message)
  end)

  it("says that a command filled its memory, and lives on", function()
    -- tail keeps the last line, and this one has no end.
    local r = assert(box:exec({ "tail", "/dev/zero" }, { timeout_ms = 120000 }))
    assert.is_true(r.oom_killed)
    assert.is_false(r.timed_out)
    assert.equal(9, r.signal)
    assert.equal("alive\n", assert(box:exec "echo alive").stdout)
  end)

  it("leaves nothing of a command that has double-forked", function()
    assert(box:exec "(setsid sleep 7777 >/dev/null 2>&1 &) ; exit 0")
    assert.equal("0\n", assert(box:exec "pgrep -x -f 'sleep 7777' | wc -l").stdout)
  end)

  -- #memory: a sanitizer keeps what is freed for a while, and the host does grow under it.
  it("bears a flood, without the host growing #memory", function()
    -- The first one brings the heap to the size at which the collector keeps it.
    local before
    for _ = 1, 2 do
      collectgarbage()
      before = resident_kb()
      local r = assert(box:exec("head -c 50000000 /dev/zero",
        { timeout_ms = 60000, max_output = 1000 }))
      assert.same({ 0, 1000, true }, { r.exit_code, #r.stdout, r.stdout_truncated })
    end
    assert.is_true(resident_kb() - before < 4096)
  end)

  it("keeps commands from the agent's port", function()
    local r = assert(box:exec(
      "for port in /dev/vport*; do head -c 100000 /dev/urandom >$port || echo refused; done"))
    assert.equal("refused\n", r.stdout)
    assert.is_true(box:health_check())
  end)

  it("runs many commands at once, each with its own streams and its own end", function()
    local all = {}
    for i = 1, 20 do
      all[i] = assert(box:start("read line; echo out $line; echo err $line >&2; exec sleep 1000"))
    end
    for i = 20, 1, -1 do
      assert(all[i]:write(i .. "\n"))
      all[i]:close_stdin()
    end
    for i, running in ipairs(all) do
      assert.equal(("out %d\n"):format(i), running:read())
      assert.equal(("err %d\n"):format(i), running:read_stderr())
      assert.is_nil(running.exit)
    end
    for i, running in ipairs(all) do running:signal(i % 2 == 0 and "TERM" or "USR1") end
    for i, running in ipairs(all) do
      assert.equal(i % 2 == 0 and 15 or 10, assert(running:wait(20000)).signal)
      running:close()
    end
  end)

  it("answers QMP when asked to", function()
    local control = assert(box.vm:qmp())
    assert.is_true(assert(control:execute "query-status").running)
    local answer, why = control:execute "no-such-command"
    assert.is_nil(answer)
    assert.matches("no%-such%-command", why.message)
  end)

  it("that panics is an error with the kernel's words and the console's last lines", function()
    local r, why = box:exec("echo c >/proc/sysrq-trigger; sleep 100", { timeout_ms = 60000 })
    assert.is_nil(r)
    assert.equal("io", why.kind)
    assert.matches("the guest's kernel panicked", why.message, 1, true)
    assert.is_true(#why.console > 0 and #why.console <= 50)
    assert.equal("stopped", box:state())
    local dir = box.vm.dir
    assert.is_true(box:close())
    assert.is_false(standin.exists(dir))
  end)
end)

describe("A virtual machine with the task share #vm", function()
  it("runs what is written there, with the same results, and cannot write there", function()
    local box <close> = assert(sandbox.new { backend = "tcg", transport = "share" })
    local r = assert(box:exec("read line; echo \"$A: $line\"; echo err >&2; pwd; exit 5",
      { env = { A = "it's" }, cwd = "/tmp", stdin = "hello\n" }))
    assert.same({ 5, "it's: hello\n/tmp\n", "err\n" }, { r.exit_code, r.stdout, r.stderr })
    assert.equal("a  b|$HOME|new\nline|",
      assert(box:exec { "printf", "%s|", "a  b", "$HOME", "new\nline" }).stdout)
    assert.matches("mount_tag=task,security_model=none,readonly=on",
      table.concat(box:argv(), " "), 1, true)
    r = assert(box:exec "cat /run/kavach/task/task-3.sh; echo >/run/kavach/task/x")
    assert.matches("^#!/bin/sh\ncat ", r.stdout)
    assert.matches("Read%-only", r.stderr)
    local none, why = box:exec("true", { user = "nobody" })
    assert.is_nil(none)
    assert.matches("user", why.message, 1, true)
  end)
end)

describe("A virtual machine whose QEMU is killed #vm", function()
  it("is an error for whoever waits, and leaves nothing", function()
    local box <close> = assert(sandbox.launch { backend = "tcg" })
    local r, why
    task.scope(function()
      task.spawn(function() r, why = box:exec "echo up; sleep 1000" end)
      assert(box:wait_ready())
      assert(box:exec "true")
      os.execute("kill -9 " .. box.vm.child:pid())
    end)
    assert.is_nil(r)
    assert.matches("was killed by signal 9", why.message, 1, true)
    local dir = box.vm.dir
    box:close()
    assert.is_false(standin.exists(dir))
  end)
end)

describe("A virtual machine that stands still #vm", function()
  it("is found out, and ends", function()
    local box <close> = assert(sandbox.new { backend = "tcg", heartbeat_ms = 4000 })
    assert(box:exec "true")
    local pid = box.vm.child:pid()
    box.vm.child:signal(19) -- SIGSTOP, to QEMU
    while not host.slurp(("/proc/%d/stat"):format(pid)):find "%) T " do task.sleep(5) end
    local r, why = box:exec "true"
    assert.is_nil(r)
    assert.equal("timeout", why.kind)
    assert.matches("has not answered for 4000 ms", why.message, 1, true)
    assert.is_true(box:close())
    assert.is_false(standin.alive(pid))
  end)
end)

describe("A virtual machine that is paused #vm", function()
  local box
  setup(function() box = assert(sandbox.new { backend = "tcg", heartbeat_ms = 4000 }) end)
  teardown(function() if box then box:close() end end)

  -- Hundredths of a second that the guest has been up.
  local function uptime()
    local said = assert(box:exec "cut -d ' ' -f 1 /proc/uptime").stdout
    return math.tointeger(said:gsub("%.", "") // 1)
  end

  -- Clock ticks, hundredths of a second, that QEMU has used.
  local function ticks()
    local stat = io.open(("/proc/%d/stat"):format(box.vm.child:pid())):read "a"
    local user, system = stat:match("%) %a" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    return user + system
  end

  it("stands still, and goes on", function()
    local counter <close> = assert(box:start "while :; do :; done")
    assert(counter:wait_started())
    local before, began = uptime(), task.now()
    assert(box:pause())
    assert.equal("paused", box:state())
    assert.is_false(assert(box.vm:qmp():execute "query-status").running)
    local used, paused = ticks(), task.now()
    task.sleep(3000)
    used, paused = ticks() - used, task.now() - paused
    assert(box:resume())
    local up, all = (uptime() - before) * 10, task.now() - began
    -- One that runs uses 3000 ms; one that is paused still looks whether its ports can be read.
    assert.is_true(used < 150, ("a machine that stands still used %d0 ms"):format(used))
    assert.is_true(up < all - paused + 1000, ("up %d ms of %d, paused for %d"):format(up, all,
      paused))
    used = ticks()
    while ticks() < used + 10 do task.sleep(10) end -- it counts on
  end)

  it("has the host's time again when it goes on", function()
    local over = task.now() + 20000 -- on a busy machine it takes more than one try
    local behind
    repeat
      assert(box:pause())
      task.sleep(1500)
      assert(box:resume())
      assert(box.vm.agent:ping(5000)) -- the clock went ahead of it
      local said = assert(box:exec "adjtimex").stdout
      local s, us = said:match "tv_sec:%s*(%d+)", said:match "tv_usec:%s*(%d+)"
      behind = core.wall_clock() // 1000000 - (s * 1000 + us // 1000)
    until behind < 500 or task.now() > over
    assert.is_true(behind < 500, ("%d ms behind"):format(behind))
  end)

  it("powers off when it is stopped", function()
    assert(box:pause())
    assert.is_true(box:stop(20000))
    assert.equal("stopped", box:state())
    assert.same({ 0, 0 }, { box.vm.ended.code, box.vm.ended.signal })
    assert.is_true(box:destroy())
    assert.is_true(box:destroy())
    assert.equal("destroyed", box:state())
  end)
end)
