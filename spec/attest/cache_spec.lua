local cache_of = require "kavach.attest.cache"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"
local snp = require "kavach.snp"

describe("the cache of certificates", function()
  local folder, remove, cache

  before_each(function()
    folder, remove = host.folder()
    cache = cache_of.open(folder .. "/a/b")
  end)
  after_each(function() remove() end)

  local function names(dir)
    local list = {}
    for name in lfs.dir(dir) do
      if name:sub(1, 1) ~= "." then list[#list + 1] = name end
    end
    table.sort(list)
    return list
  end

  it("keeps bytes under a name, by what they are", function()
    assert.is_nil(cache:get "x")
    for _, bytes in ipairs { "one", "", "a\0b\n", ("z"):rep(1 << 20) } do
      local path = assert(cache:put("x", bytes))
      assert.equal(folder .. "/a/b/objects/" .. snp.hex(snp.sha256(bytes)), path)
      assert.same({ bytes, path }, { cache:get "x" })
      assert.equal(bytes, host.slurp(path))
    end
    assert.is_nil(cache:get "y")
  end)

  it("is private, and leaves nothing half-written about", function()
    assert(cache:put("x", "one"))
    for _, dir in ipairs { "/a", "/a/b", "/a/b/objects", "/a/b/index" } do
      assert.equal("rwx------", lfs.attributes(folder .. dir, "permissions"))
    end
    for _, dir in ipairs { "/a/b/objects/", "/a/b/index/" } do
      local list = names(folder .. dir)
      assert.equal(1, #list)
      assert.equal("rw-------", lfs.attributes(folder .. dir .. list[1], "permissions"))
    end
  end)

  it("takes what is damaged for absent, and says that it is", function()
    local path = assert(cache:put("x", "one"))
    local function damaged(pattern)
      local bytes, why = cache:get "x"
      assert.is_nil(bytes)
      assert.matches(pattern, why)
    end
    for _, bytes in ipairs { "", "two", "onee", "on", ("x"):rep((1 << 20) + 1) } do
      host.write(path, bytes)
      damaged "/objects/%x+ is "
    end
    os.remove(path)
    damaged "/objects/%x+ is missing"
    local digest = snp.hex(snp.sha256 "one")
    assert(cache:put("x", "one"))
    for _, text in ipairs { "", digest, digest .. "\n\n", "../../etc/passwd\n",
      digest:sub(2) .. "\n", ("x"):rep(1000) } do
      host.write(folder .. "/a/b/index/x", text)
      local bytes = cache:get "x"
      assert.is_nil(bytes)
    end
    assert(cache:put("x", "one"))
    assert.equal("one", (cache:get "x"))
  end)

  it("refuses names that are no file's here", function()
    for _, name in ipairs { "", "../x", "a/b", ".x", "x\0", ("x"):rep(251) } do
      assert.has_error(function() cache:get(name) end)
      assert.has_error(function() cache:put(name, "") end)
    end
  end)

  it("says why it cannot keep something", function()
    host.write(folder .. "/file", "")
    local path, why = cache_of.open(folder .. "/file/certs"):put("x", "one")
    assert.is_nil(path)
    assert.equal("io", why.kind)
    assert.matches("/file", why.message)
  end)

  it("may be written by many at once", function()
    local script = host.write(folder .. "/script.lua", ([[
      local cache = require "kavach.attest.cache".open(%q)
      for i = 1, 50 do
        local bytes = (arg[1] .. i):rep(2000)
        assert(cache:put("x", bytes))
        local got = assert(cache:get "x")
        assert(#got %% 2000 == 0 and got == got:sub(1, #got // 2000):rep(2000))
      end
    ]]):format(folder .. "/many"))
    local commands = {}
    for i = 1, 3 do commands[i] = ("'%s' '%s' %d"):format(program.kavach, script, i) end
    local code, _, errors = program.shell(("%s & a=$!; %s & b=$!; %s && wait $a && wait $b")
      :format(table.unpack(commands)))
    assert.same({ 0, "" }, { code, errors })
    assert.same({ "x" }, names(folder .. "/many/index"))
    for _, name in ipairs(names(folder .. "/many/objects")) do
      assert.equal(name, snp.hex(snp.sha256(host.slurp(folder .. "/many/objects/" .. name))))
    end
  end)

  it("is where XDG_CACHE_HOME says, or else in the home directory", function()
    local function where(environment)
      local code, out = program.shell(("env -u XDG_CACHE_HOME -u HOME %s '%s' -e '%s'"):format(
        environment, program.kavach,
        [[print(require "kavach.attest.cache".default_dir())]]))
      assert.equal(0, code)
      return out
    end
    assert.equal("/c/kavach/certs\n", where "XDG_CACHE_HOME=/c HOME=/h")
    assert.equal("/h/.cache/kavach/certs\n", where "XDG_CACHE_HOME= HOME=/h")
    assert.equal("/h/.cache/kavach/certs\n", where "XDG_CACHE_HOME=relative HOME=/h")
    assert.matches("^nil\tneither XDG_CACHE_HOME nor HOME", where "HOME=relative")
  end)
end)
