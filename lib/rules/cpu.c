// SPDX-License-Identifier: BSD-2-Clause
/*
 * cpu.c: evidence for GW50xx and GW60xx: what computes, and CPython's collector.
 */
#include "rules/tables.h"

static const struct rule_evidence rows[] = {
	{ .id = "GW5001", .runtimes = PYTHON, .causes = "cpu", .modules = "_json.cpython*" },
	{ .id = "GW5001",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "json.* _json.* simplejson.* ujson.* orjson.* rapidjson.*" },
	{ .id = "GW5001",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "json/* simplejson/* flask/json/* ujson/*" },
	{ .id = "GW5002", .runtimes = PYTHON, .causes = "cpu", .modules = "_pickle.cpython*" },
	{ .id = "GW5002",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "pickle.* _pickle.* marshal.*" },
	{ .id = "GW5002",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "pickle.py kombu/serialization.py multiprocessing/reduction.py shelve.py "
		   "cloudpickle/* dill/* joblib/numpy_pickle.py django/core/cache/* "
		   "billiard/reduction.py pandas/io/pickle.py" },
	{ .id = "GW5003",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "zlib.* bz2.* _bz2.* lzma.* _lzma.* _zstd.* compression.zstd.* zstd.* "
		    "brotli.* _brotli.*" },
	{ .id = "GW5003",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "libz.so* libz-*.so* libbz2.so* liblzma.so* libzstd.so* libbrotli*.so* zlib.* "
		     "_bz2.* _lzma.* _brotli.* _zstd*" },
	{ .id = "GW5003",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "gzip.py bz2.py lzma.py zipfile.py zipfile/* tarfile.py brotli* zstandard/* "
		   "_compression.py starlette/middleware/gzip.py" },
	{ .id = "GW5004", .runtimes = PYTHON, .causes = "cpu", .modules = "_sre.cpython*" },
	{ .id = "GW5004",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "re.Pattern.* _sre.* SRE_* regex._regex.* _regex.*" },
	{ .id = "GW5004",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "re.py re/__init__.py",
	  .functions = "match search fullmatch sub subn split findall finditer" },
	{ .id = "GW5005",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "hashlib.pbkdf2_hmac hashlib.scrypt _crypt.* _bcrypt.* _argon2*" },
	{ .id = "GW5005",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "_bcrypt* _argon2* libargon2.so* _scrypt* _crypt.* libcrypt.so*" },
	{ .id = "GW5005",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "libcrypto*.so* _hashlib.* _rust*",
	  .symbols = "PKCS5_PBKDF2* pbkdf2_* EVP_PBE_scrypt* scrypt*" },
	{ .id = "GW5005",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "bcrypt/* passlib/* argon2/* django/contrib/auth/hashers.py "
		   "django/utils/crypto.py werkzeug/security.py pwdlib/*" },
	{ .id = "GW5006",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "hashlib.* _hashlib.* hmac.* _hmac.* _md5.* _sha1.* _sha2.* _sha256.* "
		    "_sha512.* _sha3.* _blake2.*" },
	{ .id = "GW5006",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "libcrypto*.so* _hashlib.* _md5.* _sha1.* _sha2*.* _sha5* _sha3.* _blake2.*" },
	{ .id = "GW5006",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "hashlib.py hmac.py cryptography/* Crypto/* Cryptodome/* nacl/*" },
	{ .id = "GW5007",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "pyexpat.* _elementtree.* xml.etree.* lxml.*" },
	{ .id = "GW5007",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "libxml2.so* libxslt.so* etree.* objectify.* libexpat.so* pyexpat.* "
		     "_elementtree.*" },
	{ .id = "GW5007",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "lxml/* src/lxml/* xml/* bs4/* html/parser.py html5lib/* defusedxml/* "
		   "xmltodict.py" },
	{ .id = "GW5008", .runtimes = PYTHON, .causes = "cpu", .leaf = LEAF_PLAIN },
	{ .id = "GW5008",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .called = "builtins.* list.* dict.* set.* frozenset.* tuple.* str.* bytes.* "
		    "bytearray.* int.* float.* list dict set frozenset tuple str bytes "
		    "bytearray int float range enumerate zip map filter reversed "
		    "itertools.* collections.* functools.* operator.* heapq.* bisect.* "
		    "math.* statistics.* random.* _random.* struct.* array.* codecs.* "
		    "binascii.* unicodedata.* copy.*",
	  .weak = true },
	{ .id = "GW5009",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "jinja2/* mako/* chameleon/* django/template/* sqlalchemy/orm/* "
		   "django/db/models/* rest_framework/* marshmallow/* pydantic/* peewee.py "
		   "mongoengine/*" },
	{ .id = "GW5009",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .own = "*.html *.jinja *.jinja2 *.j2 *.mako" },
	{ .id = "GW5010",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "_multiarray_umath* libopenblas* libscipy_openblas* libblas.so* libcblas* "
		     "libmkl_* _umath_linalg* _imaging.* libopencv* cv2.* hashtable.cpython* "
		     "groupby.cpython* algos.cpython* join.cpython* parsers.cpython*" },
	{ .id = "GW5010",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "numpy/* pandas/* PIL/* scipy/* cv2/* sklearn/*" },
	{ .id = "GW5011",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "google/protobuf/internal/python_* google/protobuf/internal/decoder.py "
		   "google/protobuf/internal/encoder.py google/protobuf/text_format.py "
		   "google/protobuf/json_format.py" },
	{ .id = "GW5012", .causes = "crowd" },
	{ .id = "GW5013",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .modules = "tracer.cpython* tracer.abi3* pydevd_cython* _pydevd_*" },
	{ .id = "GW5013",
	  .runtimes = PYTHON,
	  .causes = "cpu",
	  .files = "coverage/* bdb.py pdb.py trace.py pydevd* _pydevd* debugpy/* ddtrace/* "
		   "newrelic/* scout_apm/* elasticapm/* cProfile.py profile.py",
	  .top = true },
	{ .id = "GW6001", .runtimes = PYTHON, .causes = "gc" },
	{ .id = "GW6001", .runtimes = PYTHON, .causes = "cpu", .gc_percent = 50 },
};

const struct rule_rows evidence_cpu = { rows, sizeof(rows) / sizeof(rows[0]) };
