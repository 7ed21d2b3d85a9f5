# The image of a release: the programs that the release has, in an empty image. The context is a folder
# with `amd64/sessionwire`, `arm64/sessionwire` and `ca-certificates.crt`; nothing runs while it is built.
FROM scratch
ARG TARGETARCH
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY ${TARGETARCH}/ /
USER 65534
EXPOSE 8080
# Inside of a container loopback reaches nobody. Publish the port where you want it seen, such as 127.0.0.1:8080.
ENTRYPOINT ["/sessionwire", "emulator", "--host", "0.0.0.0", "--allow-remote", "--port", "8080"]
