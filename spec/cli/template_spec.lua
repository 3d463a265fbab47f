--- With templates that are made by hand; spec/cli/template_vm_spec.lua has real ones.

local core = require "kavach.core"
local host = require "support.host"
local json = require "kavach.json"
local lfs = require "lfs"
local program = require "support.program"
local standin = require "support.standin"

local MIB <const> = 1024 * 1024
local DAY <const> = 24 * 3600

local cache, remove, templates

--- Runs kavach template with these words, as the shell reads them.
local function template(words, more)
  return program.shell(("env XDG_CACHE_HOME='%s' XDG_RUNTIME_DIR='%s' %s '%s' template %s"):format(
    cache, cache, more or "", program.kavach, words))
end

--- What it prints; it has to succeed.
local function ok(words)
  local code, out, errors = template(words)
  assert.same({ 0, "" }, { code, errors }, words)
  return out
end

local function document(words)
  local value = assert(json.decode(ok(words)))
  assert.equal(1, value.version)
  return value
end

local function sparse(path, size, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:seek("set", size - 1))
  assert(file:write "\0")
  file:close()
end

--- A template of that key. What is given wins over what would be in its manifest.
local function plant(key, given, name)
  local digest = name or core.hash(key)
  local folder = templates .. "/" .. digest
  assert(core.private_directory(folder))
  sparse(folder .. "/memory-1f", 64 * MIB, ("m"):rep(100000))
  sparse(folder .. "/state-1f", 1000, "state")
  local manifest = {
    version = 1, key = key, digest = core.hash(key), failures = 0, created = 1700000000,
    memory = { name = "memory-1f", size = 64 * MIB, digest = ("0"):rep(32) },
    state = { name = "state-1f", size = 1000, digest = ("0"):rep(32) },
    qemu = "/usr/bin/qemu", qemu_version = "7.2.22", kernel = "/boot/vmlinux", backend = "tcg",
    cpus = 2, memory_mb = 64,
  }
  for field, value in pairs(given or {}) do manifest[field] = value end
  assert(core.private_file(folder .. "/manifest.json", assert(json.encode(manifest))))
  return digest, folder
end

--- What takes room in a folder.
local function allocated(folder)
  local bytes = 0
  for name in lfs.dir(folder) do
    if not name:find "^%.%.?$" then
      bytes = bytes + core.file_facts(folder .. "/" .. name, "nofollow").allocated
    end
  end
  return bytes
end

--- It was used so long ago.
local function age(folder, seconds)
  assert(lfs.touch(folder, os.time() - seconds))
end

local function exists(path) return lfs.symlinkattributes(path, "mode") ~= nil end

-- The digests that are listed.
local function listed()
  local digests = {}
  for i, each in ipairs(document "list --json".templates) do digests[i] = each.digest end
  return digests
end

-- The only one that is listed, as a document and as a line.
local function shown()
  local list = document "list --json".templates
  assert.equal(1, #list)
  return list[1], ok "list":match "^[^\n]*\n([^\n]*)\n$"
end

before_each(function()
  cache, remove = host.folder()
  templates = cache .. "/kavach/templates"
end)
after_each(function() remove() end)

describe("kavach template list", function()
  it("is empty where there is none, and makes nothing", function()
    assert.equal("DIGEST QEMU BACKEND CPUS MEMORY SIZE UNUSED KERNEL STATE\n",
      (ok "list":gsub(" +", " ")))
    assert.equal('{"templates":[],"version":1}\n', ok "list --json")
    assert.is_false(exists(cache .. "/kavach"))
  end)

  it("tells of each what it is of, what it takes, and when it was used", function()
    local digest, folder = plant "a"
    age(folder, 3 * 3600 + 5)
    local one, line = shown()
    assert.equal(("%s 7.2.22 tcg 2 64M %dK 3h /boot/vmlinux ok"):format(digest:sub(1, 12),
      allocated(folder) // 1024), (line:gsub(" +", " ")))
    assert.same({
      digest = digest, bytes = allocated(folder), used = lfs.attributes(folder, "modification"),
      bad = json.null, qemu = "/usr/bin/qemu", qemu_version = "7.2.22", kernel = "/boot/vmlinux",
      backend = "tcg", cpus = 2, memory_mb = 64, created = 1700000000,
    }, one)
    assert.is_true(one.bytes < MIB) -- holes take no room
  end)

  it("has the one used last first", function()
    local digests = {}
    for i = 1, 4 do
      local folder
      digests[i], folder = plant("key " .. i)
      age(folder, i * 60)
    end
    assert.same(digests, listed())
  end)

  it("shows of a long path how it ends", function()
    plant("a", { kernel = "/" .. ("long/"):rep(20) .. "é/vmlinux" })
    local one, line = shown()
    assert.equal("/" .. ("long/"):rep(20) .. "é/vmlinux", one.kernel)
    assert.matches(" …" .. ("long/"):rep(4) .. "é/vmlinux ok$",
      (line:gsub(" +", " "):gsub("…[^/]*/", "…")))
    assert.equal(32, utf8.len(line:match "…%S+"))
  end)

  it("shows why one is bad", function()
    local _, folder = plant "a"
    assert(core.private_file(folder .. "/bad", "its memory is damaged\n"))
    local one, line = shown()
    assert.equal("its memory is damaged", one.bad)
    assert.matches(" bad: its memory is damaged$", line)
  end)

  it("takes for bad what is marked, however long the reason is, or what the mark is", function()
    local _, folder = plant "a"
    assert(core.private_file(folder .. "/bad", ("because "):rep(10000)))
    local one, line = shown()
    assert.matches("^because because", one.bad)
    assert.matches("bad: because .*…$", line)
    assert.is_true(#line < 240)
    assert(os.remove(folder .. "/bad"))
    for _, mark in ipairs { "mkfifo '%s'", "mkdir '%s'", "ln -s nowhere '%s'", "touch '%s'" } do
      assert(os.execute(mark:format(folder .. "/bad")))
      assert.equal("", shown().bad)
      assert(os.remove(folder .. "/bad"))
    end
    assert.equal(json.null, shown().bad)
  end)

  it("shows one whose manifest cannot be read, and why", function()
    local digest, folder = plant "a"
    local path = folder .. "/manifest.json"
    local sound = host.slurp(path)
    local function is_bad(pattern)
      local one, line = shown()
      assert.same({ digest, json.null, json.null, allocated(folder) },
        { one.digest, one.qemu, one.cpus, one.bytes })
      assert.matches(pattern, one.bad)
      assert.matches("^" .. digest:sub(1, 12) .. " +%- +%- +%- +%- +%d+K +%d+s +%- +bad: ", line)
    end
    for _, text in ipairs { "", "{", "[]", "null", "{}", '{"version":1}',
      (sound:gsub('"version":1', '"version":2')), (sound:gsub('"backend":"tcg"', '"backend":1')),
      (sound:gsub("memory%-1f", "../memory-1f")) } do
      host.write(path, text)
      is_bad "manifest%.json: not a template's manifest$"
    end
    host.write(path, sound .. (" "):rep(65536))
    is_bad "too long$"
    host.write(path, sound)
    assert(os.execute(("chmod 666 '%s'"):format(path)))
    is_bad "others may write to it"
    assert(os.execute(("chmod 600 '%s' && mv '%s' '%s/m' && ln -s m '%s'"):format(path, path,
      folder, path)))
    is_bad "it is a link, not a regular file"
    assert(os.remove(path))
    is_bad "No such file"
  end)

  it("shows one with the manifest of another", function()
    local other = core.hash "b"
    plant("a", nil, other)
    assert.matches("the manifest of another template$", shown().bad)
    assert(os.execute(("rm -r '%s/%s'"):format(templates, other)))
    plant("a", { digest = "../../elsewhere" })
    assert.matches("the manifest of another template$", shown().bad)
  end)

  it("lets no text of a manifest or a mark reach the terminal as it is", function()
    local hostile = "\27]0;pwned\7\27[2J\n\rx\u{202e}y\u{9b}31m"
    local escaped = "\\x1b]0;pwned\\x07\\x1b[2J\\x0a\\x0dx\\u{202e}y\\u{9b}31m"
    local _, folder = plant("a", {
      qemu = hostile, qemu_version = hostile, kernel = hostile, backend = hostile,
    })
    assert(core.private_file(folder .. "/bad", hostile .. "\255"))
    local one, line = shown()
    for _, field in ipairs { "qemu", "qemu_version", "kernel", "backend" } do
      assert.equal(escaped, one[field])
    end
    assert.equal(escaped .. "\\xff", one.bad)
    assert.matches("bad: " .. escaped .. "\\xff", line, 1, true)
    for _, text in ipairs { ok "list", ok "list --json" } do
      assert.not_matches("[\0-\9\11-\31\127]", text)
      assert.not_matches("\u{202e}", text, 1, true)
      assert.not_matches("\u{9b}", text, 1, true)
    end
  end)

  it("leaves out of a manifest what is of another type", function()
    plant("a", { memory_mb = 1e300, created = 1e9, qemu_version = { 7 } })
    local one, line = shown()
    assert.same({ json.null, json.null, 1000000000, json.null },
      { one.memory_mb, one.qemu_version, one.created, one.bad })
    assert.matches("^%x+ +%- +tcg +2 +%- ", line)
  end)

  it("has the processors of the machine, of which a sandbox may have had a fraction", function()
    plant("a", { cpus = 1.5 })
    assert.equal(2, shown().cpus)
  end)

  it("has nothing but templates", function()
    local digest = plant "a"
    for _, name in ipairs { digest .. ".lock", "README", ("g"):rep(32), ("a"):rep(31) } do
      host.write(templates .. "/" .. name, "x")
    end
    for _, name in ipairs { ".new-" .. digest, ".old-" .. digest .. "-1", "x" } do
      assert(lfs.mkdir(templates .. "/" .. name))
    end
    assert.same({ digest }, listed())
  end)

  it("shows a file or a link in the place of one as bad", function()
    local digest = core.hash "a"
    assert(core.private_directory(templates))
    host.write(templates .. "/" .. digest, "x")
    assert.matches("it is a regular file, not a folder", shown().bad)
    assert(os.execute(("rm '%s/%s' && ln -s / '%s/%s'"):format(templates, digest, templates,
      digest)))
    assert.matches("it is a link, not a folder", shown().bad)
  end)

  it("fails where they cannot be listed, or there is nowhere for them", function()
    assert(core.private_directory(cache .. "/kavach"))
    host.write(templates, "x")
    local code, out, errors = template "list"
    assert.same({ 1, "" }, { code, out })
    assert.matches("^kavach: template list: ", errors)
    code, out = template("list --json", "env -u HOME XDG_CACHE_HOME=")
    assert.equal(1, code)
    assert.matches("neither XDG_CACHE_HOME nor HOME", assert(json.decode(out)).error.message)
  end)
end)

describe("kavach template clear", function()
  it("removes all, and says how many and how many bytes", function()
    local _, first = plant "a"
    local _, second = plant "b"
    local bytes = allocated(first) + allocated(second)
    assert(core.private_directory(templates .. "/.new-" .. core.hash "c"))
    assert.same({ version = 1, removed = 2, bytes = bytes }, document "clear --json")
    assert.same({}, listed())
    assert.is_true(exists(templates .. "/.new-" .. core.hash "c")) -- somebody is at it
    plant "a"
    assert.equal(("1 removed, %dK\n"):format(allocated(first) // 1024), ok "clear")
    assert.equal("0 removed, 0B\n", ok "clear")
  end)

  it("removes those that are named, by what alone begins so", function()
    local a, b, c = plant "a", plant "b", plant "c"
    assert.equal(2, document(("clear --json %s %s"):format(a, b:sub(1, 8):upper())).removed)
    assert.same({ c }, listed())
  end)

  it("removes none if one that is named is not there, or may be several", function()
    local a, b = plant "b", plant "key 1" -- whose digests begin with the same digit
    assert.equal(a:sub(1, 1), b:sub(1, 1))
    for words, message in pairs {
      [a .. " zz"] = "no template's digest begins with 'zz'; kavach template list shows them",
      [a .. " ''"] = "no template's digest begins with ''",
      [a:sub(1, 1)] = ("'%s' may be each of "):format(a:sub(1, 1)),
      [a .. "0"] = "no template's digest begins with",
      ["."] = "no template's digest begins with '.'",
    } do
      local code, out, errors = template("clear " .. words)
      assert.same({ 1, "" }, { code, out })
      assert.matches("kavach: template clear: " .. message, errors, 1, true)
      assert.equal(2, #listed())
    end
    local code, out = template "clear --json nonesuch"
    assert.equal(1, code)
    assert.equal("invalid_argument", assert(json.decode(out)).error.kind)
  end)

  it("removes those that are bad", function()
    local good = plant "a"
    local _, folder = plant "b"
    assert(core.private_file(folder .. "/bad", "why\n"))
    plant("c", { backend = 1 })
    assert.equal(0, document("clear --json --bad " .. good).removed)
    assert.equal(2, document "clear --json --bad".removed)
    assert.same({ good }, listed())
  end)

  it("removes those that were not used for so long", function()
    local digests = {}
    for i, seconds in ipairs { 30, 5 * 60, 3 * 3600, 8 * DAY } do
      local folder
      digests[i], folder = plant("key " .. i)
      age(folder, seconds)
    end
    for _, each in ipairs {
      { "9d", 0 }, { "200h", 0 }, { "12000m", 0 }, { "4m --bad", 0 },
      { "7d", 1 }, { "2h", 1 }, { "2m", 1 }, { "0s", 1 },
    } do
      local left = #listed()
      assert.equal(each[2], document("clear --json --unused " .. each[1]).removed, each[1])
      assert.same(table.move(digests, 1, left - each[2], 1, {}), listed())
    end
  end)

  it("leaves alone what a link in the place of one leads to", function()
    local elsewhere = cache .. "/elsewhere"
    assert(lfs.mkdir(elsewhere))
    host.write(elsewhere .. "/precious", "x")
    assert(core.private_directory(templates))
    assert(lfs.link(elsewhere, templates .. "/" .. core.hash "a", true))
    assert.equal(1, document "clear --json".removed)
    assert.is_true(exists(elsewhere .. "/precious"))
    assert.same({}, listed())
  end)

  it("has no trouble with one that somebody else removes meanwhile", function()
    local _, folder = plant "a"
    plant "b"
    assert.same({ 0, "2\n", "" }, { program.shell(([[XDG_CACHE_HOME='%s' '%s' -e '
      print(require("kavach.sandbox.template.shelf").clear(function()
        os.execute "rm -rf %s"
        return true
      end))']]):format(cache, program.kavach, folder)) })
    assert.same({}, listed())
  end)

  it("says what it cannot remove", function()
    local _, folder = plant "a"
    assert(os.execute(("mkdir -p '%s/full/of/it'"):format(folder)))
    local code, out, errors = template "clear"
    assert.same({ 1, "" }, { code, out })
    assert.matches("^kavach: template clear: .*not empty", errors)
  end)

  it("takes no other time", function()
    local _, _, message = template "clear --unused 1w"
    assert.matches("'1w' is not a duration (500ms, 8s, 2m, 12h, 30d; ", message, 1, true)
    for _, time in ipairs {
      "h", "-1d", "1.5d", "999999d", "99999d", ("9"):rep(30) .. "d", "soon",
    } do
      local code, _, errors = template("clear --unused=" .. time)
      assert.equal(64, code)
      assert.matches("option '--unused': '" .. time .. "' is ", errors, 1, true)
    end
  end)
end)

describe("kavach template build", function()
  setup(standin.setup)
  teardown(standin.teardown)

  -- Its words for a stand-in in the place of QEMU.
  local function build(qemu, words, more)
    return template(("build --backend tcg --qemu '%s' --kernel '%s' --initrd '%s' %s"):format(
      qemu, standin.kernel, standin.initrd, words or ""), more)
  end

  it("fails at once where none can be kept, and says why", function()
    local qemu = standin.shell "echo started >&2; exit 1"
    local code, out, errors = build(qemu, "", "env XDG_CACHE_HOME=/dev/null")
    assert.same({ 1, "" }, { code, out })
    assert.matches("^kavach: template build: no template was made: .*/dev/null", errors)
    assert.not_matches("started", errors, 1, true)
    assert(core.private_directory(templates))
    assert(os.execute(("chmod 777 '%s'"):format(templates)))
    code, out, errors = build(qemu, "--json")
    assert.equal(1, code)
    assert.equal("creation_failed", assert(json.decode(out)).error.kind)
    assert.matches("no template was made: .*others may write to it", errors)
  end)

  it("fails for a guest that cannot be saved", function()
    local code, _, errors = build(standin.native(), "--name web --env A=1")
    assert.equal(1, code)
    assert.matches("^kavach: template build: no template was made: .", errors)
    assert.same({}, listed())
  end)

  it("fails for a QEMU that dies, with its last words", function()
    local code, _, errors = build(standin.shell "echo 'no such machine' >&2; exit 3")
    assert.equal(1, code)
    assert.matches("no such machine", errors, 1, true)
    assert.same({}, listed())
  end)

  it("fails for sev-snp", function()
    local code, _, errors = template "build --backend sev-snp"
    assert.equal(1, code)
    assert.matches("sev-snp", errors, 1, true)
  end)

  it("fails for what no sandbox can be", function()
    for words, message in pairs {
      ["--name 'a b'"] = "sandbox: name must be at most 64 letters",
      ["--mount /nonesuch:/x"] = "sandbox: mounts needs a folder: /nonesuch",
      ["--transport measured"] = 'sandbox: transport = "measured" needs',
    } do
      local code, out, errors = template("build --json " .. words)
      assert.equal(1, code)
      assert.matches("kavach: template build: " .. message, errors, 1, true)
      assert.matches(message, assert(json.decode(out)).error.message, 1, true)
    end
  end)

  it("has no use for some options of kavach run", function()
    for _, words in ipairs { "--cold", "--keep", "--mount x", "--env =x", "--timeout 1", "true" } do
      local code, out, errors = template("build " .. words)
      assert.same({ 64, "" }, { code, out })
      assert.matches("^kavach: template build: ", errors)
    end
  end)
end)

describe("kavach template", function()
  it("needs to be told what to do", function()
    local code, out, errors = template ""
    assert.same({ 64, "" }, { code, out })
    assert.matches("one of list, build and clear is needed", errors)
    assert.equal(64, (template "remove"))
  end)

  it("does what the examples of its help say", function()
    plant "a"
    for _, words in ipairs { "list", "clear" } do
      for line in ok(words .. " --help"):gmatch "\n   kavach template ([^\n|]*)" do
        if not line:find "59127015" then ok(line) end
      end
    end
  end)
end)
