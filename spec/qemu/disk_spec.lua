local core = require "kavach.core"
local json = require "kavach.json"

local function argv(disks)
  return core.qemu_argv {
    backend = "tcg", qemu = "/q", cpus = 1, memory_mb = 64, kernel = "/k", disks = disks,
  }
end

-- The values of an option, in order.
local function values(words, option)
  local found = {}
  for i, word in ipairs(words) do
    if word == option then found[#found + 1] = words[i + 1] end
  end
  return found
end

describe("A disk on QEMU's command line", function()
  it("is a file of a format that is said, behind a virtio device with a serial number", function()
    local words = assert(argv {
      { serial = "kavachroot", path = "/images/a", format = "raw", readonly = true },
      { serial = "kavachscratch", path = "scratch.disk", format = "raw", readonly = false },
    })
    local nodes = values(words, "-blockdev")
    assert.same({
      driver = "raw", ["node-name"] = "kavachroot", ["read-only"] = true,
      file = { driver = "file", filename = "/images/a", ["read-only"] = true },
    }, json.decode(nodes[1]))
    assert.is_false(json.decode(nodes[2])["read-only"])
    assert.is_false(json.decode(nodes[2]).file["read-only"])
    assert.same({ ["no-flush"] = true }, json.decode(nodes[2]).cache)
    assert.same({
      "virtio-blk-pci,drive=kavachroot,serial=kavachroot,werror=report,rerror=report",
      "virtio-blk-pci,drive=kavachscratch,serial=kavachscratch,werror=report,rerror=report",
    }, values(words, "-device"))
  end)

  it("of qcow2 has no file behind it, whatever its header says", function()
    local words = assert(argv { { serial = "a", path = "/i", format = "qcow2", readonly = true } })
    assert.matches('"backing":null', values(words, "-blockdev")[1], 1, true)
  end)

  it("stays one value of one option, whatever the path contains", function()
    for _, path in ipairs { '/a","driver":"nbd', "/a,b=c", "/back\\slash", "/new\nline\1", "/ü" } do
      local words = assert(argv { { serial = "a", path = path, format = "raw", readonly = true } })
      local node = json.decode(values(words, "-blockdev")[1])
      assert.same({ path, "raw", "file" }, { node.file.filename, node.driver, node.file.driver })
    end
  end)

  it("is refused with what is wrong with it", function()
    for serial, format in pairs { [""] = "raw", ["A"] = "raw", ["a,b"] = "raw",
      [("a"):rep(21)] = "raw", fine = "vmdk" } do
      local words, message, kind = argv { { serial = serial, path = "/p", format = format } }
      assert.is_nil(words)
      assert.equal("invalid_argument", kind)
      assert.matches(format == "raw" and "serial number" or "vmdk", message, 1, true)
    end
    assert.matches("empty path", (select(2, argv { { serial = "a", path = "", format = "raw" } })))
    local twice = { serial = "a", path = "/p", format = "raw" }
    assert.matches("two disks", (select(2, argv { twice, twice })))
    assert.has_error(function() argv { { serial = "a", path = "/p" } } end)
    assert.has_error(function()
      argv { { serial = "a", path = "/p", format = "raw", snapshot = true } }
    end)
  end)
end)
