--- Templates that are not as they were left, and places where none can be kept. QEMU is a stand-in.

local core = require "kavach.core"
local host = require "support.host"
local json = require "kavach.json"
local lfs = require "lfs"
local saveable = require "support.saveable"
local standin = require "support.standin"

local is_root = core.euid() == 0

local options
local function start(fn) return saveable.start(options, fn) end

-- A new cache with a template in it that has been of use.
local function with_template()
  saveable.new_cache()
  assert.is_true(start().made)
  assert.is_nil(start().made)
  return saveable.only()
end

-- The next start says why the template is of no use, and boots; the template that is there after
-- `starts` more of them is a good one.
local function refused(why, starts)
  local template, said = start()
  assert.matches(why, said, 1, true)
  for _ = 1, starts do
    assert.is_nil(template.digest)
    template = start()
  end
  assert.is_true(template.made)
  assert.is_nil(start().made)
  assert.equal(1, #saveable.names())
end

local function run(line, ...) assert(os.execute(line:format(...))) end

describe("A template", function()
  setup(function()
    standin.setup()
    saveable.setup()
    options = saveable.options(saveable.program())
  end)
  teardown(function()
    saveable.teardown()
    standin.teardown()
  end)

  describe("is made again at once", function()
    local OTHERS <const> = "others may write to it"
    for what, case in pairs {
      ["when its memory was cut short"] = { "truncate -s -4096 '%s'", "memory", "bytes, not" },
      ["when its state was cut short"] = { "truncate -s -1 '%s'", "state", "bytes, not" },
      ["when its state was emptied"] = { ": >'%s'", "state", "0 bytes, not" },
      ["when its memory is gone"] = { "rm '%s'", "memory", "No such file" },
      ["when its state is gone"] = { "rm '%s'", "state", "No such file" },
      ["when its manifest is gone"] = { "rm '%s'", "manifest", "No such file" },
      ["when its manifest is garbage"] = { "head -c 500 /dev/urandom >'%s'", "manifest",
        "not a template's manifest" },
      ["when its manifest has no end"] =
        { "head -c 70000 /dev/zero >'%s'", "manifest", "too long" },
      ["when its manifest is an empty object"] = { "echo {} >'%s'", "manifest",
        "not a template's manifest" },
      ["when its memory is a link"] = { "mv '%s' '%s.moved'; ln -s '%s.moved' '%s'", "memory",
        "it is a link, not a regular file" },
      ["when its state is a FIFO"] = { "rm '%s'; mkfifo '%s'", "state",
        "it is a FIFO, not a regular file" },
      ["when its manifest is a FIFO"] = { "rm '%s'; mkfifo '%s'", "manifest",
        "it is a FIFO, not a regular file" },
      ["when others may write its memory"] = { "chmod 666 '%s'", "memory", OTHERS },
      ["when others may write its state"] = { "chmod 620 '%s'", "state", OTHERS },
      ["when others may write its manifest"] = { "chmod 602 '%s'", "manifest", OTHERS },
    } do
      it(what, function()
        local path = with_template()[case[2]]
        run(case[1], path, path, path, path)
        refused(case[3], 0)
      end)
    end

    it("when its manifest is of another QEMU", function()
      local path = with_template().manifest
      local manifest = assert(json.decode(host.slurp(path)))
      manifest.key = manifest.key:gsub("qemu %d+", "qemu 1")
      host.write(path, assert(json.encode(manifest)))
      refused("the manifest of another template", 0)
    end)

    it("when its manifest leads elsewhere", function()
      local path = with_template().manifest
      local manifest = assert(json.decode(host.slurp(path)))
      manifest.memory.name = "../" .. manifest.memory.name
      host.write(path, assert(json.encode(manifest)))
      refused("not a template's manifest", 0)
    end)

    it("when somebody else owns a file of it", function()
      if not is_root then return pending "only root can give files away" end
      local one = with_template()
      for _, name in ipairs { "memory", "state", "manifest" } do
        run("chown 65534 '%s'", one[name])
        refused("it belongs to user 65534", 0)
        one = saveable.only()
      end
    end)
  end)

  it("is compared with its digests once, and again when somebody has written to it", function()
    local one = with_template()
    local digest, count = core.sparse_digest, 0
    core.sparse_digest = function(...)
      count = count + 1
      return digest(...)
    end
    finally(function() core.sparse_digest = digest end)
    assert.is_nil(start().made)
    assert.equal(0, count)
    for _, name in ipairs { "memory", "state" } do
      run("touch -d '2020-01-01' '%s'", one[name])
      assert.is_nil(start().made)
      assert.is_nil(start().made)
    end
    assert.equal(2, count)
    -- What somebody else says about it counts for nothing.
    host.write(one.memory:match "^(.*)/" .. "/checked", ("x"):rep(5000))
    assert.is_nil(start().made)
    assert.equal(3, count)
    run("rm '%s/checked'; mkfifo '%s/checked'", one.folder, one.folder)
    assert.is_nil(start().made)
    assert.equal(4, count)
  end)

  it("that is written to while it is read is read again", function()
    local one = with_template()
    run("touch '%s'", one.memory)
    local work = core.work
    core.work = function(item, job, done)
      return work(item, job, function(...)
        saveable.flip(one.memory, "in the memory") -- the digest has been right until now
        done(...)
      end)
    end
    finally(function() core.work = work end)
    start()
    core.work = work
    local _, said = start()
    assert.matches("its memory is damaged", said, 1, true)
  end)

  describe("of which a bit has changed", function()
    for name, text in pairs { memory = "in the memory", state = "QEMU knows" } do
      it(("in its %s is of no use: the guest boots, and the next makes another"):format(name),
        function()
          local one = with_template()
          saveable.flip(one[name], text)
          refused(("its %s is damaged"):format(name), 1)
        end)
    end

    it("says until then that it is bad, and why", function()
      local one = with_template()
      saveable.flip(one.state)
      start()
      assert.equal("its state is damaged", saveable.only().entry.bad)
    end)
  end)

  it("is of use while it is being deleted", function()
    local one = with_template()
    local template = start(function(box, said)
      assert.matches("the guest's agent answers", said, 1, true)
      assert(box:exec "true")
    end)
    assert.is_nil(template.made)
    -- Right behind the look at it: its files are open by then.
    local store = require "kavach.sandbox.template.store"
    local find = store.find
    store.find = function(...)
      local found, why, failures = find(...)
      run("rm -r '%s'", one.folder)
      return found, why, failures
    end
    local finished, of, said = pcall(start)
    store.find = find
    assert(finished, of)
    assert.is_nil(of.made)
    assert.is_nil(said:find("boots", 1, true))
    assert.same({}, saveable.names())
    assert.is_true(start().made)
  end)

  describe("is not looked for", function()
    -- Each start boots, says why, and leaves alone what is there.
    local function never(why, folder)
      local before = folder and lfs.attributes(folder)
      for _ = 1, 2 do
        local template, said = start()
        assert.is_nil(template.digest)
        assert.matches(why, template.why, 1, true)
        assert.matches(why, said, 1, true)
      end
      if not folder then return end
      local now = lfs.attributes(folder)
      assert.same({ before.ino, before.uid, before.permissions },
        { now.ino, now.uid, now.permissions })
    end

    it("in a folder that others may write to", function()
      with_template()
      for mode, way in pairs { ["0770"] = "write to", ["0707"] = "write to", ["0750"] = "reach" } do
        run("chmod %s '%s'", mode, saveable.templates)
        never(("others may %s it (mode %s)"):format(way, mode), saveable.templates)
      end
      run("chmod 700 '%s'", saveable.templates)
      assert.is_nil(start().made)
    end)

    it("in a folder of its own that others may write to", function()
      local one = with_template()
      run("chmod 0777 '%s'", one.folder)
      never("others may write to it (mode 0777)", one.folder)
    end)

    it("in somebody else's folder", function()
      if not is_root then return pending "only root can give folders away" end
      local one = with_template()
      for _, folder in ipairs { one.folder, saveable.templates } do
        run("chown 65534 '%s'", folder)
        never("it belongs to user 65534, not to this one", folder)
      end
    end)

    it("where a link leads", function()
      with_template()
      run("mv '%s' '%s.moved' && ln -s '%s.moved' '%s'", saveable.templates, saveable.templates,
        saveable.templates, saveable.templates)
      never "it is a link, not a folder"
    end)

    it("where there is no home", function()
      saveable.new_cache { XDG_CACHE_HOME = false, HOME = false }
      never "neither XDG_CACHE_HOME nor HOME"
      saveable.new_cache { XDG_CACHE_HOME = "relative", HOME = "" }
      never "neither XDG_CACHE_HOME nor HOME"
      assert.is_nil(lfs.attributes "relative")
    end)

    it("where a file is in the way", function()
      saveable.new_cache()
      run("mkdir '%s' && touch '%s/kavach'", saveable.cache, saveable.cache)
      never "cannot make the directory"
    end)

    it("on a file system that cannot be written", function()
      for _, there in ipairs { false, true } do
        saveable.new_cache()
        run("mkdir '%s'", saveable.cache)
        local mounted = os.execute(("mount -t tmpfs -o mode=700 none '%s' 2>/dev/null"):format(
          saveable.cache))
        if not mounted then return pending "needs the right to mount a tmpfs" end
        local _ <close> = setmetatable({}, { __close = function()
          run("umount '%s'", saveable.cache)
        end })
        if there then assert.is_true(start().made) end
        run("mount -o remount,ro '%s'", saveable.cache)
        never "Read-only file system"
      end
    end)
  end)

  it("that does not fit on the disk is none, and leaves nothing", function()
    for pages = 1, 6 do
      saveable.new_cache()
      run("mkdir '%s'", saveable.cache)
      local mounted = os.execute(("mount -t tmpfs -o size=%dk,mode=700 none '%s' 2>/dev/null")
        :format(4 * pages, saveable.cache))
      if not mounted then return pending "needs the right to mount a tmpfs" end
      local _ <close> = setmetatable({}, { __close = function()
        run("umount '%s'", saveable.cache)
      end })
      local template, said = start()
      if template.made then
        assert.is_true(pages > 2)
        break
      end
      assert.is_true(pages < 6)
      assert.matches("No space left", said, 1, true)
      assert.same({}, saveable.names())
    end
  end)
end)
