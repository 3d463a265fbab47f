local kavach = require "kavach"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"

--- Commands of which nothing may remain, each with a time for sleep as its mark.
local STUBBORN = {
  ["a command"] = "exec sleep %s",
  ["one that ignores every signal it can"] = "trap '' TERM HUP INT PIPE; sleep %s; :",
  ["a process of its group"] = "sleep %s & wait",
  ["a daemon"] =
    "(setsid sh -c 'sleep %s & exec sleep 60%s' >/dev/null 2>&1 <&1 &) ; exec sleep 100",
  ["the daemon of one that has ended"] =
    "(setsid sh -c 'echo; exec sleep %s >/dev/null 2>&1' &) | read x; echo",
}

--- A mkdir that makes a private directory, and lives no longer.
local DEADLY_MKDIR = [[
  #include <signal.h>
  #include <string.h>
  #include <sys/stat.h>
  #include <sys/syscall.h>
  #include <unistd.h>
  int mkdir(const char *path, mode_t mode) {
    long result = syscall(SYS_mkdir, path, mode);
    if (strstr(path, "/vm-")) kill(getpid(), SIGKILL);
    return (int)result;
  }
]]

local LIVE = [[
  local kavach = require "kavach"
  kavach.spawn(function() kavach.process.exec({ "sh", "-c", %q }, { timeout_ms = 0 }) end)
  print "started"
  io.stdout:flush()
  kavach.sleep(60000)
]]

describe("when a host is killed", function()
  for name, command in pairs(STUBBORN) do
    it("nothing is left of " .. name, function()
      local marker = host.marker()
      local p <close> = host.start(LIVE:format(command:format(marker, marker)))
      assert.is_true(host.eventually(function()
        for _, pid in ipairs(host.processes(marker)) do
          local line = host.slurp("/proc/" .. pid .. "/cmdline")
          if line == "sleep\0" .. marker .. "\0" then return true end
        end
      end))
      p:kill(9)
      assert.equal(9, p:wait().signal)
      assert.is_true(host.gone(marker))
    end)
  end

  it("nothing is left, at whatever moment that is", function()
    local marker = host.marker()
    local code = ([[
      local kavach = require "kavach"
      for _ = 1, 4 do
        kavach.spawn(function()
          while true do kavach.process.exec { "sh", "-c", "(setsid sleep %s &) ; :" } end
        end)
      end
      kavach.sleep(60000)
    ]]):format(marker)
    for ms = 0, 60, 6 do
      local p <close> = host.start(code)
      kavach.sleep(ms)
      p:kill(9)
      p:wait()
    end
    assert.is_true(host.gone(marker))
  end)

  it("its private directories are gone with all in them, and those of others stay", function()
    local folder, remove = host.folder()
    os.execute("chmod 700 " .. folder)
    local code = [[
      local core = require "kavach.core"
      local path = assert(core.private_dir())
      os.execute(("cd %s && mkdir -p a/b && touch a/b/c && ln -s / root"):format(path))
      print(path)
      io.stdout:flush()
      require "kavach".sleep(60000)
    ]]
    local env = { XDG_RUNTIME_DIR = folder, PATH = os.getenv "PATH" }
    local first <close> = host.start(code, { env = env })
    local second <close> = host.start(code, { env = env })
    local gone, stays = first:read():gsub("\n", ""), second:read():gsub("\n", "")
    assert.equal("directory", lfs.attributes(gone, "mode"))
    assert.equal("rwx------", lfs.attributes(gone, "permissions"))
    first:kill(9)
    assert.is_true(host.eventually(function() return not lfs.attributes(gone) end))
    assert.equal("file", lfs.attributes(stays .. "/a/b/c", "mode"))
    assert.truthy(lfs.attributes "/usr")
    remove()
  end)

  it("nothing is left of a directory that it had only just made #stock", function()
    local folder, remove = host.folder()
    os.execute("chmod 700 " .. folder)
    host.write(folder .. "/mkdir.c", DEADLY_MKDIR)
    assert(os.execute(("cc -shared -fPIC -o %s/mkdir.so %s/mkdir.c"):format(folder, folder)))
    local p <close> = host.start("print(require 'kavach.core'.private_dir())", { env = {
      XDG_RUNTIME_DIR = folder, LD_PRELOAD = folder .. "/mkdir.so",
    } })
    assert.equal(9, p:wait().signal)
    assert.is_true(host.eventually(function() return lfs.rmdir(folder .. "/kavach") end))
    remove()
  end)
end)

describe("when a script ends", function()
  for how, last in pairs {
    ["at its end"] = "", ["with an error"] = "error 'x'",
    ["with os.exit"] = "os.exit(3)", ["with os.exit that closes"] = "os.exit(3, true)",
    ["with os.exit in a task"] = "kavach.run(function() kavach.sleep(1) os.exit(3) end)",
    ["with os.exit in a task that closes"] =
      "kavach.run(function() kavach.sleep(1) os.exit(3, true) end)",
  } do
    it(how .. ", no process is left", function()
      local marker = host.marker()
      local code = host.script(([[
        local kavach = require "kavach"
        local p = kavach.process.start { "sh", "-c", "(setsid sleep %s &); exec sleep %s" }
        assert(p:pid())
      ]]):format(marker, marker) .. last)
      assert.equal(last == "" and 0 or last:find "exit" and 3 or 1, code)
      assert.is_true(host.gone(marker))
    end)
  end
end)

describe("when the supervisor is killed", function()
  it("what runs is an error, its processes die, and the next command works", function()
    local marker = host.marker()
    kavach.scope(function()
      local t = kavach.spawn(kavach.process.exec, { "sleep", marker })
      host.eventually(function() return #host.processes(marker) == 1 end)
      local supervisor = host.supervisor()
      os.execute("kill -9 " .. supervisor)
      local r, e = t:await()
      assert.is_nil(r)
      assert.equal("exec_failed", e.kind)
      assert.matches("supervisor", e.message)
      assert.is_true(host.gone(marker))
      assert.equal("again\n", assert(kavach.process.exec { "echo", "again" }).stdout)
      assert.not_equal(supervisor, host.supervisor())
    end)
  end)

  it("while nothing runs, the next command works", function()
    assert(kavach.process.exec { "true" })
    os.execute("kill -9 " .. host.supervisor())
    assert.is_true(host.eventually(function() return not host.supervisor() end))
    assert.equal("again\n", assert(kavach.process.exec { "echo", "again" }).stdout)
  end)
end)

describe("a host whose standard descriptors are closed", function()
  for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-" } do
    it("runs commands with " .. closed, function()
      local folder, remove = host.folder()
      local out = folder .. "/out"
      local script = host.write(folder .. "/script", ([[
        local r, e = require "kavach".process.exec({ "sh", "-c", "cat; echo out; echo err >&2" },
          { stdin = "in\n" })
        local f = io.open(%q, "w")
        f:write(e and tostring(e) or r.stdout .. r.stderr)
        f:close()
      ]]):format(out))
      for _, interpreter in ipairs(host.interpreters()) do
        os.remove(out)
        os.execute(("exec %s %s %s"):format(interpreter, script, closed))
        assert.equal("in\nout\nerr\n", host.slurp(out), interpreter)
      end
      remove()
    end)
  end
end)

describe("SIGCHLD", function()
  it("may be ignored by the process that kavach is in", function()
    local code, out = program.shell("trap '' CHLD; " .. program.kavach
      .. [[ -e 'io.write(require"kavach".process.exec({"sh","-c","exit 7"}).exit_code)']])
    assert.equal(0, code)
    assert.equal("7", out)
  end)
end)
