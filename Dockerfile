# The image of every role: `docker run toolwarden <role>`; see compose.yaml.
ARG NODE_IMAGE=node:20.20.2-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
# Without chDB (566 MB): containers use a ClickHouse server. For `up` on chDB: --build-arg OMIT=--omit=dev
ARG OMIT="--omit=dev --omit=optional"
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts ${OMIT}

FROM ${NODE_IMAGE}
ENV NODE_ENV=production TOOLWARDEN_DATA=/data
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist/events ./dist/events
COPY --from=build /app/dist/gateway ./dist/gateway
COPY --from=build /app/dist/ledger ./dist/ledger
COPY --from=build /app/dist/detectors ./dist/detectors
COPY --from=build /app/dist/api ./dist/api
COPY --from=build /app/dist/cli ./dist/cli
RUN chmod 0755 dist/cli/main.js \
  && ln -s /app/dist/cli/main.js /usr/local/bin/toolwarden \
  && install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
ENTRYPOINT ["toolwarden"]
CMD ["--help"]
