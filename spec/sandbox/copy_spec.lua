local agent = require "kavach.sandbox.agent"
local copy = require "kavach.sandbox.copy"
local err = require "kavach.err"
local host = require "support.host"
local lfs = require "lfs"
local pair = require "support.pair"
local process = require "kavach.process"
local sandbox = require "kavach.sandbox"
local stream = require "kavach.stream"
local standin = require "support.standin"
local tar = require "support.tar"
local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

-- The guest is the agent itself on this machine, so its paths are those of a folder here.
describe("Files and folders", function()
  local folder, remove, box, host_side, guest_side
  setup(function()
    folder, remove = host.folder()
    standin.setup()
    box = assert(sandbox.new(standin.options(standin.native())))
  end)
  teardown(function()
    box:close()
    standin.teardown()
    remove()
  end)
  before_each(function()
    host_side, guest_side = folder .. "/host", folder .. "/guest"
    assert(os.execute(("rm -rf '%s'/* && mkdir '%s' '%s'"):format(folder, host_side, guest_side)))
  end)

  local function shell(line, ...)
    local r = assert(process.exec { "bash", "-ec", line:format(...) })
    assert.equal(0, r.exit_code, r.stderr)
    return r.stdout
  end

  local function write(path, bytes)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write(bytes))
  end

  local names = host.names

  -- What a tree is, but for its bytes, and for the times of links and of the folder that has some.
  local function listing(path)
    return shell("cd '%s' && find . -mindepth 1 ! -type l ! -path ./deep/er "
      .. "-printf '%%P %%y %%m %%l %%n %%Ts\n' | sort; find '%s' -type l -printf '%%P %%l\n'",
      path, path)
  end

  local function make_tree(path)
    shell([[mkdir -p '%s/deep/er' '%s/empty' && cd '%s'
      echo one >one && printf '\0\377' >deep/two && ln one deep/er/one-again
      head -c 300000 /dev/urandom >big && : >none
      ln -s ../one deep/er/link && ln -s deep dir && ln -s nowhere dangling
      n=$(printf '%%0200d' 0) && mkdir -p $n/$n && echo long >$n/$n/$n
      chmod 600 one && chmod 750 deep && touch -d @1000000000 one deep/two
      touch -d @1100000000 deep empty $n]], path, path, path)
  end

  it("go there and come back as they were", function()
    make_tree(host_side .. "/tree")
    assert(box:put(host_side .. "/tree", guest_side .. "/new/tree"))
    shell("diff -r --no-dereference '%s/tree' '%s/new/tree'", host_side, guest_side)
    assert.equal(listing(host_side .. "/tree"), listing(guest_side .. "/new/tree"))
    assert(box:get(guest_side .. "/new/tree", host_side .. "/back/"))
    shell("diff -r --no-dereference '%s/tree' '%s/back'", host_side, host_side)
    assert.equal(listing(host_side .. "/tree"), listing(host_side .. "/back"))
    assert.same({ "back", "tree" }, names(host_side))
  end)

  it("may be many", function()
    shell("mkdir '%s/many' && cd '%s/many' && for i in {1..2000}; do echo $i >$i; done", host_side,
      host_side)
    assert(box:put(host_side .. "/many", guest_side .. "/many"))
    assert(box:get(guest_side .. "/many", host_side .. "/back"))
    shell("diff -r '%s/many' '%s/back'", host_side, host_side)
  end)

  it("may be several at once", function()
    make_tree(host_side .. "/tree")
    task.scope(function()
      for i = 1, 6 do
        task.spawn(function()
          assert(box:put(host_side .. "/tree", guest_side .. "/" .. i))
          assert(box:get(guest_side .. "/" .. i, host_side .. "/" .. i))
        end)
      end
    end)
    for i = 1, 6 do shell("diff -r --no-dereference '%s/tree' '%s/%d'", host_side, host_side, i) end
  end)

  it("are put beside and over what is there", function()
    shell("mkdir '%s/a' && cd '%s/a' && echo new >both && echo new >mine", host_side, host_side)
    shell("mkdir '%s/a' && cd '%s/a' && echo old >both && echo old >yours", guest_side, guest_side)
    assert(box:put(host_side .. "/a", guest_side .. "/a"))
    assert.equal("new\nnew\nold\n", shell("cd '%s/a' && cat both mine yours", guest_side))
  end)

  it("are not got over what is there", function()
    shell("mkdir '%s/a' '%s/a' && echo mine >'%s/a/f'", guest_side, host_side, host_side)
    local ok, why = box:get(guest_side .. "/a", host_side .. "/a")
    assert.is_nil(ok)
    assert.equal("io", why.kind)
    assert.matches("/host/a exists already", why.message, 1, true)
    assert.same({ "f" }, names(host_side .. "/a"))
    assert.same({ "a" }, names(host_side))
  end)

  it("that are no files are refused by name, on their way in", function()
    shell("mkdir '%s/a' && mkfifo '%s/a/pipe'", host_side, host_side)
    local ok, why = box:put(host_side .. "/a", guest_side .. "/a")
    assert.is_nil(ok)
    assert.equal("io", why.kind)
    assert.matches("/host/a/pipe: neither a file nor a folder nor a link", why.message, 1, true)
  end)

  it("that somebody would have to write, or that have no end, are not put", function()
    shell("mkfifo '%s/pipe'", host_side)
    local _ <close> = stream.listen(host_side .. "/socket")
    for path, what in pairs { [host_side .. "/pipe"] = "a FIFO",
      [host_side .. "/socket"] = "a socket", ["/dev/zero"] = "a device" } do
      local ok, why = box:put(path, guest_side .. "/x")
      assert.is_nil(ok)
      assert.same({ "io", path, ("put: %s: it is %s, not a regular file"):format(path, what) },
        { why.kind, why.path, why.message })
    end
    assert.same({}, names(guest_side))
  end)

  for what, case in pairs {
    ["a FIFO"] = { "mkfifo x", "./x: a FIFO" },
    ["a link out"] = { "ln -s /etc x", "./x: a symbolic link to '/etc'" },
    ["a socket"] = { "true", "x: socket ignored" },
  } do
    it(("with %s are refused on their way out, and nothing is left"):format(what), function()
      shell("mkdir '%s/a' && cd '%s/a' && echo fine >fine && " .. case[1], guest_side, guest_side)
      local _ <close> = what == "a socket" and stream.listen(guest_side .. "/a/x") or nil
      local ok, why = box:get(guest_side .. "/a", host_side .. "/a")
      assert.is_nil(ok)
      assert.equal("io", why.kind)
      assert.matches(("get: %s/a in the guest: "):format(guest_side), why.message, 1, true)
      assert.matches(case[2], why.message, 1, true)
      assert.same({}, names(host_side))
    end)
  end

  it("are no more than they may be, either way", function()
    write(host_side .. "/f", ("x"):rep(200000))
    shell("mkdir '%s/d' && cp '%s/f' '%s/d/f'", host_side, host_side, host_side)
    shell("cp -r '%s/f' '%s/d' '%s'", host_side, host_side, guest_side)
    for _, name in ipairs { "/f", "/d" } do
      for way, from in pairs { put = host_side, get = guest_side } do
        local to = (way == "put" and guest_side or host_side) .. "/new"
        local ok, why = box[way](box, from .. name, to, { max_bytes = 199999 })
        assert.is_nil(ok)
        assert.equal("io", why.kind)
        assert.matches("more than 199999 bytes: max_bytes allows more", why.message, 1, true)
        assert.same({ "d", "f" }, names(host_side))
        assert(box[way](box, from .. name, to, { max_bytes = 200000 }))
        shell("rm -rf '%s'", to)
      end
    end
    local ok, why = box:get(guest_side .. "/d", host_side .. "/new", { max_entries = 1 })
    assert.is_nil(ok)
    assert.matches("more than 1 entries: max_entries allows more", why.message, 1, true)
  end)

  it("without end are not got for ever", function()
    local ok, why = box:get("/proc/self/attr/../../../dev/zero", host_side .. "/zero")
    assert.is_nil(ok) -- no file
    assert.equal("io", why.kind)
    shell("truncate -s 1T '%s/sparse'", guest_side)
    ok, why = box:get(guest_side .. "/sparse", host_side .. "/sparse", { max_bytes = 1000000 })
    assert.is_nil(ok)
    assert.matches("more than 1000000 bytes", why.message, 1, true)
    shell("mkdir '%s/a' && mv '%s/sparse' '%s/a'", guest_side, guest_side, guest_side)
    ok, why = box:get(guest_side .. "/a", host_side .. "/a", { max_bytes = 1000000 })
    assert.is_nil(ok)
    assert.matches("more than 1000000 bytes", why.message, 1, true)
    assert.same({}, names(host_side))
  end)

  it("that cannot be written there are an error in the guest's words", function()
    make_tree(host_side .. "/tree")
    write(guest_side .. "/file", "x")
    local ok, why = box:put(host_side .. "/tree", guest_side .. "/file")
    assert.is_nil(ok)
    assert.matches("/guest/file in the guest: mkdir: .*/guest/file': File exists", why.message)
    shell("mkdir -p '%s/a/one/x'", guest_side) -- where a file is to be
    ok, why = box:put(host_side .. "/tree", guest_side .. "/a")
    assert.is_nil(ok)
    assert.matches("/guest/a in the guest: tar: ", why.message, 1, true)
  end)

  it("that are not there are named", function()
    local ok, why = box:put(host_side .. "/no", guest_side .. "/x")
    assert.is_nil(ok)
    assert.matches("/host/no", why.message, 1, true)
    ok, why = box:get(guest_side .. "/no", host_side .. "/x")
    assert.is_nil(ok)
    assert.matches("/guest/no", why.message, 1, true)
    assert.matches('path in the guest is not absolute: "x"', select(2, box:put("/etc/passwd", "x"))
      .message, 1, true)
    assert.matches("is not absolute", select(2, box:get("./x", host_side .. "/x")).message, 1, true)
    assert.has_error(function() box:get("/x", "/y", { max_byte = 1 }) end,
      "get: unknown option 'max_byte' (did you mean 'max_bytes'?)")
  end)

  for _, what in ipairs { "file", "folder" } do
    it("leave nothing when the task that copies a " .. what .. " is cancelled", function()
      local limits, name = { max_bytes = 1 << 40 }, what == "file" and "/a/holes" or "/a"
      shell("mkdir '%s/a' && truncate -s 9G '%s/a/holes'", host_side, host_side)
      local function cancelled(way, ...)
        local words = table.pack(...)
        task.scope(function()
          local copying = task.spawn(function() way(box, table.unpack(words)) end)
          while not box.vm.agent:busy() do task.yield() end
          task.sleep(200)
          assert.equal("waiting", copying:status())
          copying:cancel()
        end)
        while box.vm.agent:busy() do task.sleep(5) end
      end
      cancelled(box.put, host_side .. name, guest_side .. "/new", limits)
      if what == "file" then assert.same({}, names(guest_side)) end
      shell("rm -rf '%s' && mv '%s' '%s' && mkdir '%s'", guest_side, host_side, guest_side,
        host_side)
      cancelled(box.get, guest_side .. name, host_side .. "/new", limits)
      assert.same({}, names(host_side))
      assert.is_true(box:health_check())
    end)
  end

  it("fail when the guest is gone, and leave nothing", function()
    local other <close> = assert(sandbox.new(standin.options(standin.native())))
    shell("mkdir '%s/a' && truncate -s 3G '%s/a/holes'", guest_side, guest_side)
    local ok, why
    task.scope(function()
      task.spawn(function()
        ok, why = other:get(guest_side .. "/a", host_side .. "/a", { max_bytes = 1 << 40 })
      end)
      while #names(host_side) == 0 do task.sleep(1) end
      other.vm.child:signal(9)
    end)
    assert.is_nil(ok)
    assert.matches("was killed by signal 9", why.message, 1, true)
    assert.same({}, names(host_side))
  end)
end)

-- The agent is what this spec makes of it: it lies.
describe("A folder that comes from a guest that lies", function()
  local folder, remove, client, far, decoder
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)
  before_each(function()
    local near
    near, far = pair.connect()
    decoder = wire.decoder(wire.FROM_HOST)
    client = agent.new()
    client:attach(near)
    far:write(wire.frame(wire.WELCOME, 0, string.pack("<I4I4zz", wire.VERSION, 0, "k", "a")))
  end)
  after_each(function()
    client:lose(err.new("io", "over"))
    far:close()
  end)

  -- Waits for the host's next frame of that kind, or of the other: its channel and kind.
  local function await(kind, other)
    while true do
      for found, channel in function() return decoder:next() end do
        if found == kind or found == other then return channel, found end
      end
      decoder:feed(assert(far:read()))
    end
  end

  -- What comes of it when tar sends these bytes, and then, if it is to, zeros for ever.
  local function got(bytes, endless)
    local ok, why
    task.scope(function()
      task.spawn(function()
        ok, why = copy.get(client, "/x", folder .. "/got", { max_bytes = 1000000 }, 1)
      end)
      far:write(wire.frame(wire.FAILED, await(wire.GET), string.pack("<I4z", 21, "/x")))
      local channel = await(wire.EXEC)
      far:write(wire.frame(wire.STDOUT, channel, bytes))
      local zeros, answer = wire.frame(wire.STDOUT, channel, ("\0"):rep(wire.OUTPUT_MAX)), nil
      while endless and answer ~= wire.KILL do
        far:write(zeros:rep(2)) -- for which there will be credit, as long as it is taken
        answer = select(2, await(wire.CREDIT, wire.KILL))
      end
      far:write(wire.frame(wire.EXIT, channel, ("\0"):rep(32)))
    end)
    assert.is_nil(client.lost)
    return ok, why
  end

  local function left()
    local list = {}
    for name in lfs.dir(folder) do list[#list + 1] = name end
    table.sort(list)
    return list
  end

  it("is made if it is none", function()
    assert(got(tar.archive { { name = "./d/f", bytes = "hi" } }))
    assert.is_true(standin.exists(folder .. "/got/d/f"))
    assert(os.execute(("rm -r '%s/got'"):format(folder)))
  end)

  it("is refused, and nothing is made", function()
    for said, list in pairs {
      ["./../../x: a path with '..'"] = { { name = "./../../x", bytes = "evil" } },
      ["/tmp/x: an absolute path"] = { { name = "/tmp/x", bytes = "evil" } },
      ["./l/f: it leads through 'l'"] =
        { { name = "./d", type = "folder" }, { name = "./l", type = "symlink", target = "d" },
          { name = "./l/f", bytes = "evil" } },
      ["\\x07: a device"] = { { name = "\7", type = "char" } },
    } do
      local ok, why = got(tar.archive(list))
      assert.is_nil(ok)
      assert.equal("io", why.kind)
      assert.matches("get: /x in the guest: " .. said, why.message, 1, true)
      assert.same({ ".", ".." }, left())
    end
  end)

  it("is refused when it does not end", function()
    local ok, why = got(tar.archive { { name = "f" } }, true)
    assert.is_nil(ok)
    assert.matches("get: /x in the guest: more than 1000000 bytes", why.message, 1, true)
    assert.same({ ".", ".." }, left())
  end)
end)
