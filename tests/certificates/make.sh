#!/bin/sh
# Makes the certificates of the tests anew. The authority's own key is thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
days=27000
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" \
  -subj "/CN=sessionwire tests" -keyout "$work/ca.key" -out ca.pem \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -subj "/CN=localhost" -keyout localhost.key -out "$work/localhost.csr"
printf 'subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' >"$work/extensions"
openssl x509 -req -in "$work/localhost.csr" -days "$days" -CA ca.pem -CAkey "$work/ca.key" -CAcreateserial \
  -CAserial "$work/serial" -extfile "$work/extensions" -out localhost.pem
# One that a server signs for itself, as people make it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" \
  -subj "/CN=localhost" -keyout own.key -out own.pem -addext "subjectAltName=DNS:localhost"
