local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local program = require "support.program"
local stream = require "kavach.stream"

--- A connected pair of unix sockets at a path in a folder; and what removes all.
local function pair()
  local folder, remove = host.folder()
  local listener = assert(stream.listen(folder .. "/socket"))
  local client = assert(stream.connect(folder .. "/socket"))
  local server = assert(listener:accept())
  return server, client, function()
    for _, s in ipairs { listener, client, server } do s:close() end
    remove()
  end
end

describe("a stream", function()
  it("of a unix socket is for this user alone, and tells who made the other end", function()
    local folder, remove = host.folder()
    local listener = assert(stream.listen(folder .. "/socket"))
    assert.equal("rw-------", lfs.attributes(folder .. "/socket", "permissions"))
    local client = assert(stream.connect(folder .. "/socket"))
    local server = assert(listener:accept())
    assert.same({ core.getpid(), core.geteuid() }, { server.raw:peer() })
    assert.same({ core.getpid(), core.geteuid() }, { client.raw:peer() })
    for _, s in ipairs { listener, client, server } do s:close() end
    remove()
  end)

  it("that does not keep the loop alive is no reason to wait for ever", function()
    local code, _, errors = host.script [[
      local core, task = require "kavach.core", require "kavach.task"
      local path = os.tmpname()
      os.remove(path)
      local listener = assert(core.listen(path)):unref()
      os.remove(path)
      task.wait(function(done) listener:wait_read(done) end)
    ]]
    assert.equal(1, code)
    assert.matches("deadlock", errors, 1, true)
  end)

  it("gives what is there, then nil at the end", function()
    local a, b, done = pair()
    assert.is_true(a:write "hello")
    assert.equal("he", b:read(2))
    assert.equal("llo", b:read())
    a:close()
    assert.same(table.pack(nil), table.pack(b:read()))
    assert.same(table.pack(nil), table.pack(b:read()))
    done()
  end)

  it("may be ended on one side, and be read on the other", function()
    local a, b, done = pair()
    a:shutdown()
    assert.is_nil(b:read())
    assert.is_true(b:write "still")
    assert.equal("still", a:read())
    done()
  end)

  it("carries more than fits into it at once, both ways together", function()
    local a, b, done = pair()
    local bytes = ("0123456789abcdef"):rep(128 * 1024)
    kavach.scope(function()
      for _, s in ipairs { a, b } do
        kavach.spawn(function()
          assert(s:write(bytes))
          s:shutdown()
        end)
      end
      local got = kavach.map({ a, b }, nil, function(s) return s:read_all() end)
      assert.is_true(got[1] == bytes and got[2] == bytes)
    end)
    done()
  end)

  it("is an error to write to when the other side is gone, and no signal", function()
    local code, out, errors = host.script([[
      local kavach = require "kavach"
      local p = kavach.process.start({ "true" }, { stdin = "pipe" })
      p:wait()
      local ok, e = p:write "x"
      print(ok, e.kind, e)
      local s = require "kavach.stream".listen(...)
      local c = require "kavach.stream".connect(...)
      s:accept():close()
      print(c:write "x")
    ]], os.tmpname() .. ".socket")
    assert.equal("", errors)
    assert.equal(0, code)
    assert.matches("^nil\tio\ttrue: standard input: cannot write: Broken pipe\n", out)
    assert.matches("Broken pipe\n$", out)
  end)

  it("that is closed is an error to use", function()
    local a, _, done = pair()
    a:close()
    a:close()
    assert.is_true(a:is_closed())
    for _, op in ipairs { "read", "write", "accept" } do
      local r, e = a[op](a, op == "write" and "x" or nil)
      assert.is_nil(r)
      assert.is_true(err.is(e, "io"))
      assert.matches("closed", e.message)
    end
    done()
  end)

  it("that is closed while a task reads from it gives that task an error", function()
    local a, _, done = pair()
    kavach.scope(function()
      local t = kavach.spawn(a.read, a)
      kavach.sleep(0)
      a:close()
      local r, e = t:await()
      assert.is_nil(r)
      assert.matches("closed", e.message)
    end)
    done()
  end)

  it("has one reader at a time: a second one is an error", function()
    local a, b, done = pair()
    kavach.scope(function()
      local first = kavach.spawn(a.read, a)
      kavach.sleep(0)
      assert.error_matches(function() a:read() end, "another task waits for this already")
      b:write "x"
      assert.equal("x", first:await())
    end)
    done()
  end)

  it("loses nothing when a read is cancelled", function()
    local a, b, done = pair()
    kavach.scope(function()
      for i = 1, 20 do
        local t = kavach.spawn(a.read, a)
        kavach.sleep(0)
        if i % 2 == 0 then b:write(i .. ";") end
        t:cancel()
        local got = t:await()
        if i % 2 == 0 then assert.equal(i .. ";", got or a:read()) else assert.is_nil(got) end
      end
    end)
    done()
  end)

  it("may be a regular file, or /dev/null", function()
    local path = os.tmpname()
    host.write(path, ("x"):rep(200000))
    local code, out = program.shell(("%s -e '%s' < %s"):format(program.kavach, [[
      local stream = require "kavach.stream"
      print(#stream.stdin():read_all())
      assert(stream.stdout():write "direct\n")
    ]], path))
    assert.equal(0, code)
    assert.equal("200000\ndirect\n", out)
    local _, none = program.shell(program.kavach
      .. [[ -e 'print(#require"kavach.stream".stdin():read_all())' </dev/null]])
    assert.equal("0\n", none)
    os.remove(path)
  end)

  it("leaves the flags of a pipe that others share as they were", function()
    local _, out = program.shell(([[
      sleep 0.1 | { %s -e '
        local kavach, stream = require "kavach", require "kavach.stream"
        kavach.deadline(20, function() stream.stdin():read() end)
        '; grep flags /proc/self/fdinfo/0; }]]):format(program.kavach))
    assert.equal("flags:\t00\n", out)
  end)

  it("leaves the flags of a terminal that others share as they were, and its settings", function()
    local inner = ([[%s -e '
      local kavach, stream = require "kavach", require "kavach.stream"
      assert(stream.stdout():write "written\n")
      kavach.deadline(20, function() stream.stdin():read() end)
      '; grep flags /proc/self/fdinfo/0
      stty -a | grep -o -w -- "-\?icanon"]]):format(program.kavach)
    local path = host.write(os.tmpname(), inner)
    local _, out = program.shell(("script -qec 'sh %s' /dev/null"):format(path))
    os.remove(path)
    out = out:gsub("\r", "")
    local flags = tonumber(out:match "flags:%s+(%d+)", 8)
    assert.equal(0, flags & 2048) -- O_NONBLOCK
    assert.matches("^written\n", out)
    assert.matches("\nicanon\n$", out)
  end)

  it("reads lines from a terminal, to its end", function()
    local path = host.write(os.tmpname(), ([[printf 'up\n'; %s -e '
      local s = require "kavach.stream".stdin()
      io.write("<", s:read_all(), ">")'
    ]]):format(program.kavach))
    local p <close> = assert(kavach.process.start(
      { "script", "-qec", "sh " .. path, "/dev/null" }, { stdin = "pipe" }))
    assert.matches("up", p:read())
    p:write "line\n\4"
    local out = p.stdout:read_all():gsub("\r", "")
    os.remove(path)
    assert.matches("<line\n>", out)
  end)

  it("that is always ready does not keep the others from their turn", function()
    local code, out = program.shell("timeout 20 " .. program.kavach .. [[ -e '
      local kavach, stream = require "kavach", require "kavach.stream"
      local zeros = stream.stdin()
      local _, e = kavach.deadline(20, function() while zeros:read() do end end)
      print(e.kind)' < /dev/zero]])
    assert.equal(0, code)
    assert.equal("timeout\n", out)
  end)
end)

describe("a unix socket", function()
  it("is reached at a path that is too long for the system", function()
    local folder, remove = host.folder()
    local deep = folder .. "/" .. ("d"):rep(90) .. "/"
    assert(lfs.mkdir(deep))
    for _, length in ipairs { 107, 108, 109, 120, 150 } do
      local path = deep .. ("s"):rep(length - #deep)
      if #path > #deep then
        local listener <close> = assert(stream.listen(path))
        local client <close> = assert(stream.connect(path))
        local server <close> = assert(listener:accept())
        client:write "hi"
        assert.equal("hi", server:read(), "length " .. length)
        assert.equal("socket", lfs.attributes(path, "mode"))
      end
    end
    remove()
  end)

  it("says what is wrong with a path", function()
    local s, e = stream.connect "/nonesuch/socket"
    assert.is_nil(s)
    assert.equal("io", e.kind)
    assert.equal("cannot connect to '/nonesuch/socket': No such file or directory", e.message)
    s, e = stream.listen("/tmp/" .. ("x"):rep(300))
    assert.is_nil(s)
    assert.matches("File name too long", e.message)
    s, e = stream.listen "/proc/socket"
    assert.is_nil(s)
    assert.matches("^cannot listen on '/proc/socket'", e.message)
    assert.error_matches(function() stream.listen "/tmp/a\0b" end, "NUL")
  end)

  it("gives connections to many tasks", function()
    local folder, remove = host.folder()
    local listener = assert(stream.listen(folder .. "/s"))
    kavach.scope(function()
      kavach.spawn(function()
        for _ = 1, 50 do
          local connection = listener:accept()
          kavach.spawn(function()
            connection:write(connection:read_all():upper())
            connection:close()
          end)
        end
      end)
      local numbers = {}
      for i = 1, 50 do numbers[i] = i end
      local answers = kavach.map(numbers, { concurrency = 20 }, function(i)
        local c <close> = assert(stream.connect(folder .. "/s"))
        c:write("n" .. i)
        c:shutdown()
        return c:read_all()
      end)
      for i, answer in ipairs(answers) do assert.equal("N" .. i, answer) end
    end)
    listener:close()
    remove()
  end)
end)

describe("a private directory", function()
  local function script(env, code)
    local path = host.write(os.tmpname(), code or [[
      local path, message = require "kavach.core".private_dir()
      print(path or message)
      io.stdout:flush()
      if path then assert(require "kavach.core".remove_dir(path)) end
      print(path and os.rename(path, path) or false)
    ]])
    local exit, out, errors = program.shell(env .. " " .. program.kavach .. " " .. path)
    os.remove(path)
    assert.equal("", errors)
    assert.equal(0, exit)
    return out
  end

  it("is removed when it is asked, and its parent is this user's alone", function()
    local folder, remove = host.folder()
    assert.matches("^" .. folder .. "/kavach/vm%-%d+%-%x+\nfalse\n$",
      script("XDG_RUNTIME_DIR=" .. folder))
    assert.equal("rwx------", lfs.attributes(folder .. "/kavach", "permissions"))
    remove()
  end)

  it("stands below /tmp where XDG_RUNTIME_DIR is none of this user's folders", function()
    local folder, remove = host.folder()
    local file = host.write(folder .. "/file", "")
    os.execute(("mkdir %s/other; [ $(id -u) != 0 ] || chown 12345 %s/other"):format(folder, folder))
    local odd = { "", "relative", "/nonesuch", file }
    if os.execute "[ $(id -u) = 0 ]" then odd[#odd + 1] = folder .. "/other" end
    for _, value in ipairs(odd) do
      assert.matches("^/tmp/kavach%-%d+/vm%-", script("XDG_RUNTIME_DIR='" .. value .. "'"), value)
    end
    remove()
  end)

  it("is refused below a folder that others may write to, or a link", function()
    local folder, remove = host.folder()
    os.execute("mkdir -m 777 " .. folder .. "/kavach")
    assert.matches("is not a folder of this user's alone", script("XDG_RUNTIME_DIR=" .. folder))
    os.execute(("cd %s && rmdir kavach && mkdir -m 700 real && ln -s real kavach"):format(folder))
    assert.matches("is not a folder of this user's alone", script("XDG_RUNTIME_DIR=" .. folder))
    remove()
  end)

  it("says so where XDG_RUNTIME_DIR is too long", function()
    local folder, remove = host.folder()
    local long = folder .. ("/" .. ("d"):rep(200)):rep(3)
    os.execute("mkdir -p " .. long)
    assert.matches("^XDG_RUNTIME_DIR is too long", script("XDG_RUNTIME_DIR=" .. long))
    remove()
  end)

  it("of a dead host is swept, and what is not one is left alone", function()
    local folder, remove = host.folder()
    os.execute(("mkdir -m 700 -p %s/kavach/vm-1-1/a %s/kavach/kept-1-1 %s/kavach/mine")
      :format(folder, folder, folder))
    os.execute("chmod 700 " .. folder .. "/kavach")
    script("XDG_RUNTIME_DIR=" .. folder)
    assert.is_nil(lfs.attributes(folder .. "/kavach/vm-1-1"))
    assert.truthy(lfs.attributes(folder .. "/kavach/kept-1-1"))
    assert.truthy(lfs.attributes(folder .. "/kavach/mine"))
    remove()
  end)

  it("that is kept gets a name that no sweep takes", function()
    local folder, remove = host.folder()
    local out = script("XDG_RUNTIME_DIR=" .. folder, [[
      local core = require "kavach.core"
      print(core.keep_dir(core.private_dir()))
      print(core.keep_dir "/etc")
    ]])
    local kept = out:match "^[^\n]+"
    assert.matches("/kept%-%d+%-%x+$", kept)
    assert.matches("\nnil\t'/etc' is not a private directory of this host\n", out)
    script("XDG_RUNTIME_DIR=" .. folder)
    assert.truthy(lfs.attributes(kept))
    remove()
  end)

  it("is an error where there is no space for it", function()
    local folder, remove = host.folder()
    local mount = "mount -t tmpfs -o size=4k,nr_inodes=2,mode=700 none %s 2>/dev/null"
    if not os.execute(mount:format(folder)) then
      remove()
      return pending "needs the right to mount a tmpfs"
    end
    local out = script("XDG_RUNTIME_DIR=" .. folder)
    os.execute("umount " .. folder)
    remove()
    assert.matches("No space left on device", out)
  end)
end)

describe("the core's streams", function()
  it("refuse a descriptor that is none", function()
    local s, message = core.stream(999)
    assert.is_nil(s)
    assert.matches("descriptor 999: Bad file descriptor", message)
    local wrapped, e = stream.open(999)
    assert.is_nil(wrapped)
    assert.is_true(err.is(e, "io"))
  end)
end)
